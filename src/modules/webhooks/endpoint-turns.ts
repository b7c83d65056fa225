import { Injectable } from '@nestjs/common';

/**
 * Deliveries that found their endpoint full wait here for a place, so that a long backlog is not carried to and fro between
 * the queue and the workers. Each landing lets one waiting delivery of this process ask again.
 */
@Injectable()
export class EndpointTurns {
  private readonly waiting = new Map<string, Set<() => void>>();

  /** Resolves at this caller's turn, after `time_ms`, or when the signal fires. */
  next(webhook_id: string, time_ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.waiting.get(webhook_id) ?? new Set();
      this.waiting.set(webhook_id, waiting);
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        waiting.delete(done);
        if (waiting.size === 0 && this.waiting.get(webhook_id) === waiting) this.waiting.delete(webhook_id);
        resolve();
      };
      const timer = setTimeout(done, time_ms);
      waiting.add(done);
      if (signal.aborted) done();
      else signal.addEventListener('abort', done);
    });
  }

  /** A place at the endpoint is free. */
  pass(webhook_id: string): void {
    const [first] = this.waiting.get(webhook_id) ?? [];
    first?.();
  }
}
