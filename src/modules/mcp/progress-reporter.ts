/** One report of progress, as the protocol sends it. */
export interface ProgressReport {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

/** Least time between two reports. */
const INTERVAL_MS = 100;

/**
 * A loop may report each of its million rounds, while a client wants to see at most ten steps a second, each further than
 * the one before, and certainly the last. So a report that comes too early waits, replaced by whatever follows it, until
 * its time or the end of the work.
 */
export class ProgressReporter {
  private furthest = -Infinity;
  private sent_at_ms = -Infinity;
  private waiting: ProgressReport | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly send: (report: ProgressReport) => void,
    private readonly now_ms: () => number = () => performance.now(),
  ) {}

  report(done: number, total?: number, message?: string): void {
    if (!Number.isFinite(done) || done <= this.furthest) return;
    this.furthest = done;
    this.waiting = {
      progress: done,
      ...(total !== undefined && { total }),
      ...(message !== undefined && { message: message.slice(0, 1_000) }),
    };
    const wait_ms = this.sent_at_ms + INTERVAL_MS - this.now_ms();
    if (wait_ms <= 0) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), wait_ms).unref();
  }

  /** Sends what still waits. Called before the result. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.waiting) return;
    this.sent_at_ms = this.now_ms();
    this.send(this.waiting);
    this.waiting = undefined;
  }
}
