import { type Lease, LeaseStore, type Unused } from '../../../src/platform/limits/lease-store.js';
import { LimiterClock } from '../../../src/platform/limits/limiter-clock.js';
import { Limiter } from '../../../src/platform/limits/limiter.js';
import type { Decision } from '../../../src/platform/limits/decision.js';
import type { Policy, Standing } from '../../../src/platform/limits/policy.js';

interface Scheduled {
  at: number;
  effect: () => void;
}

/**
 * Processes, a network and a database in simulated time: the clock of each process has its own start and drift, answers
 * take as long as a test says or get lost, and processes vanish between two events.
 */
export class World {
  /** Real time in ms. */
  now = 0;
  private readonly scheduled = new Set<Scheduled>();
  readonly rows = new Map<string, number>();
  statements = 0;

  constructor(
    /** One-way delay of the next message, in ms; null when it is lost. */
    readonly delay: () => number | null = () => 0,
    readonly databaseOffset = 0,
  ) {}

  after(ms: number, effect: () => void): () => void {
    const entry = { at: this.now + Math.max(0, ms), effect };
    this.scheduled.add(entry);
    return () => this.scheduled.delete(entry);
  }

  /** Lets time pass up to a moment, one event after the other. */
  async advanceTo(until: number): Promise<void> {
    await settled();
    for (;;) {
      let next: Scheduled | undefined;
      for (const entry of this.scheduled) if (entry.at <= until && (!next || entry.at < next.at)) next = entry;
      if (!next) break;
      this.scheduled.delete(next);
      this.now = Math.max(this.now, next.at);
      next.effect();
      await settled();
    }
    this.now = Math.max(this.now, until);
  }

  windowOf(bucket: string, w: number): number {
    return Math.floor(this.position(bucket) / (w * 1000));
  }

  private position(bucket: string): number {
    return this.now + this.databaseOffset + bucket.charCodeAt(0) * 997;
  }

  /** What app.lease_permits does. */
  lease(bucket: string, q: number, w: number, want: number): Lease {
    const length = w * 1000;
    const position = this.position(bucket);
    const window_no = Math.floor(position / length);
    const key = `${bucket} ${window_no}`;
    const before = this.rows.get(key) ?? 0;
    const permits = before < q ? Math.min(want, q - before) : 0;
    this.rows.set(key, before + permits);
    const ends_in_ms = Math.max(0, Math.floor(length - (position % length)) - 1);
    return { permits, granted: permits > 0 ? before + permits : q, ends_in_ms, window_no };
  }

  giveBack(unused: readonly Unused[]): void {
    for (const { bucket, window_no, permits } of unused) {
      const key = `${bucket} ${window_no}`;
      this.rows.set(key, (this.rows.get(key) ?? 0) - permits);
    }
  }
}

/** Lets all promises run that can. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

class RemoteStore extends LeaseStore {
  isCrashed = false;
  constructor(private readonly world: World) {
    super();
  }

  lease(bucket: string, q: number, w: number, want: number): Promise<Lease> {
    return this.call(() => this.world.lease(bucket, q, w, want));
  }

  async giveBack(unused: readonly Unused[]): Promise<void> {
    await this.call(() => this.world.giveBack(unused));
  }

  standing(): Promise<Standing[]> {
    return Promise.resolve([]);
  }

  deleteOld(): Promise<void> {
    return Promise.resolve();
  }

  noticeExceeded(): Promise<boolean> {
    return Promise.resolve(true);
  }

  private call<T>(work: () => T): Promise<T> {
    const [there, back] = [this.world.delay(), this.world.delay()];
    this.world.statements++;
    return new Promise((resolve, reject) => {
      const lost = () => this.world.after(300, () => reject(new Error('connection lost')));
      if (there === null) return lost();
      return this.world.after(there, () => {
        const answer = work();
        if (back === null) lost();
        else this.world.after(back, () => resolve(answer));
      });
    });
  }
}

class DriftingClock extends LimiterClock {
  constructor(
    private readonly world: World,
    private readonly offset: number,
    private readonly rate: number,
  ) {
    super();
  }

  now(): number {
    return Math.floor(this.offset + this.world.now * this.rate);
  }

  after(ms: number, effect: () => void): () => void {
    return this.world.after(ms / this.rate, effect);
  }
}

/** One process with its own clock. @param drift such as 0.0004: fast by 400 ppm. */
export class SimulatedProcess {
  readonly limiter: Limiter;
  isAlive = true;

  constructor(world: World, offset = 0, drift = 0) {
    this.limiter = new Limiter(new RemoteStore(world), new DriftingClock(world, offset, 1 + drift));
  }

  /** Calls back at the moment of the decision, in simulated time; never once the process has crashed. */
  take(policies: readonly Policy[], cost: number, decided: (decision: Decision) => void): void {
    if (!this.isAlive) return;
    const decision = this.limiter.take(policies, cost);
    if (!(decision instanceof Promise)) return decided(decision);
    decision.then(
      (late) => {
        if (this.isAlive) decided(late);
      },
      (error: unknown) => {
        throw error;
      },
    );
  }
}
