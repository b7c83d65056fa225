import { AsyncResource } from 'node:async_hooks';
import type { LiveSignals, SignalChannel } from './live-signals.js';

/** Longest time between two looks; what a lost signal costs. */
const POLL_MS = 1_000;
/** Looks follow each other no faster than this, so that a burst of signals becomes few looks. */
const SPACING_MS = 4;
const FIRST_HELD_MS = 4;
const MAX_HELD_MS = 250;

/**
 * The heart of a loop over the log: looks when woken, when a second has passed, and soon again while committed rows wait
 * for an older writer, whose end nobody announces. Never two looks at once.
 */
export class Pulse {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private isWoken = false;
  private isRunning = false;
  private held_ms = FIRST_HELD_MS;
  private looked_at_ms = 0;
  private unsubscribe: (() => void) | undefined;

  private readonly look: (isPoll: boolean) => Promise<boolean>;

  /**
   * @param look `isPoll`: nobody asked for this look. Answers whether rows are held back. It runs outside the context of
   * whoever sent the signal.
   */
  constructor(look: (isPoll: boolean) => Promise<boolean>) {
    this.look = AsyncResource.bind(look);
  }

  start(live: LiveSignals, channel: SignalChannel): void {
    this.isRunning = true;
    this.unsubscribe = live.on(channel, () => this.beat());
    this.schedule(0, true);
  }

  /** Looks at once, or right after the look under way. */
  beat(): void {
    this.isWoken = true;
    if (this.isRunning && !this.looking) this.schedule(this.looked_at_ms + SPACING_MS - performance.now(), false);
  }

  /** Resolves when the look under way, if any, is over. */
  async settled(): Promise<void> {
    await this.looking;
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    this.unsubscribe?.();
    clearTimeout(this.timer);
    await this.looking;
  }

  private schedule(wait_ms: number, isPoll: boolean): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.looking = this.lookOnce(isPoll);
      },
      Math.max(0, wait_ms),
    ).unref();
  }

  private async lookOnce(isPoll: boolean): Promise<void> {
    this.isWoken = false;
    let isHeld = false;
    try {
      isHeld = await this.look(isPoll);
    } catch {
      // The database is away: the next poll tries again, and /ready says so meanwhile.
    }
    this.looking = undefined;
    this.looked_at_ms = performance.now();
    if (!this.isRunning) return;
    this.held_ms = isHeld ? Math.min(this.held_ms * 2, MAX_HELD_MS) : FIRST_HELD_MS;
    if (this.isWoken) this.schedule(SPACING_MS, false);
    else if (isHeld) this.schedule(this.held_ms, false);
    else this.schedule(POLL_MS, true);
  }
}
