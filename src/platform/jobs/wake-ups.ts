import { Injectable } from '@nestjs/common';
import { LiveSignals } from '../events/live-signals.js';

/** Tells the workers that there may be something to do. A lost wake-up costs latency only: workers also poll. */
export abstract class WakeUps {
  /** To be called after commit, never inside a transaction. */
  abstract signal(): void;
  /** Calls back at every signal; returns what ends it. */
  abstract on(listener: () => void): () => void;
}

/** Wake-ups of this process and, by coalesced notifications, of all others. */
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
