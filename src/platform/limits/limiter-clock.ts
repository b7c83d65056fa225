import { Injectable } from '@nestjs/common';

/** Time as the limiter needs it: differences only, so that a wrong wall clock cannot matter. */
export abstract class LimiterClock {
  /** Whole milliseconds that never go back, rounded down (small integers cost no memory of their own). */
  abstract now(): number;
  /** Runs an effect later; the answer cancels it. Does not keep the process alive. */
  abstract after(ms: number, effect: () => void): () => void;
}

@Injectable()
export class ProcessClock extends LimiterClock {
  now(): number {
    return Math.floor(performance.now());
  }

  after(ms: number, effect: () => void): () => void {
    const timer = setTimeout(effect, ms).unref();
    return () => clearTimeout(timer);
  }
}
