import { Injectable } from '@nestjs/common';
import { LiveSignals } from '../events/live-signals.js';

/** Tells the workers that there may be something to do. A lost wake-up costs latency only: workers also poll. */
export abstract class WakeUps {
  /** To be called after commit, never inside a transaction. */
  abstract signal(): void;
  /** Calls back at every signal; returns what ends it. */
  abstract on(listener: () => void): () => void;
}

/** Wake-ups within this process. */
@Injectable()
export class LocalWakeUps extends WakeUps {
  private readonly listeners = new Set<() => void>();

  signal(): void {
    for (const listener of this.listeners) listener();
  }

  on(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Wake-ups in every process on the database. */
@Injectable()
export class LiveWakeUps extends WakeUps {
  constructor(private readonly live: LiveSignals) {
    super();
  }

  signal(): void {
    this.live.signal('jobs');
  }

  on(listener: () => void): () => void {
    return this.live.on('jobs', listener);
  }
}
