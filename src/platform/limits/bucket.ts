import type { Lease } from './lease-store.js';
import { POLICY_NAMES, type Policy, type PolicyName } from './policy.js';
import { firstSlice, grownSlice, marginMs, permitsToAsk } from './slice.js';

/** A slice that was used up within this time was too small. */
const QUICK_MS = 1_000;
/** How long a refusal holds before the database is asked again. */
const DENIED_MS = 1_000;
/** How long a failure to lease holds before the database is asked again. */
const FAILED_MS = 250;
/** How long a request waits for its lease. */
export const PATIENCE_MS = 2_000;

export type BucketState = 'in_hand' | 'denied' | 'unavailable' | 'to_lease';

/**
 * What this process holds of one policy for one subject. Times are of the limiter's clock, in milliseconds. Every method
 * runs within one turn of the event loop, so a permit is used once.
 */
export class Bucket {
  permits = 0;
  /** From here on the permits in hand are worth nothing. */
  deadline = 0;
  /** The window's end is not before this. */
  ends_at = 0;
  window_no = -1;
  /** What all processes were granted in the window, as of the last lease. */
  granted_seen = 0;
  denied_until = 0;
  failed_until = 0;
  /** The window is so close to its end that no permit of it can be used: lease after this. */
  pause_until = 0;
  slice = 0;
  /** Size of the last lease. */
  leased = 0;
  leased_at = 0;
  asked_at = 0;
  touched_at: number;
  /** -1: not yet. */
  exceeded_at = -1;
  flight: Promise<void> | null = null;
  older: Bucket | null = null;
  newer: Bucket | null = null;

  constructor(
    readonly name: PolicyName,
    readonly w: number,
    readonly subject: string,
    now: number,
  ) {
    this.touched_at = now;
  }

  state(cost: number, q: number, now: number): BucketState {
    if (this.permits >= cost && now < this.deadline) return 'in_hand';
    if (now < this.denied_until || cost > q) return 'denied';
    if (now < this.failed_until) return 'unavailable';
    return this.flight && now - this.asked_at >= PATIENCE_MS ? 'unavailable' : 'to_lease';
  }

  /** Permits left of q, an upper estimate. */
  left(q: number, now: number): number {
    if (now >= this.ends_at) return q;
    return (now < this.deadline ? this.permits : 0) + Math.max(0, q - this.granted_seen);
  }

  endsInMs(now: number): number {
    return now < this.ends_at ? this.ends_at - now : 0;
  }

  /** Less than a quarter of the last lease is left. One below four has no quarter: what came ahead would lie idle. */
  isRunningOut(q: number, now: number): boolean {
    return this.leased >= 4 && this.permits * 4 < this.leased && now >= this.denied_until && this.granted_seen < q;
  }

  /** How many permits the next lease asks for. */
  ask(cost: number, q: number, now: number): number {
    if (this.slice === 0) this.slice = firstSlice(q);
    else if (now - this.leased_at < QUICK_MS) this.slice = grownSlice(this.slice, q);
    const inWindow = now < this.deadline;
    const want = permitsToAsk(this.slice, q, inWindow ? q - this.granted_seen : q);
    return Math.max(want, cost - (inWindow ? this.permits : 0));
  }

  /** Takes a lease over. @param sentAt before it was asked for, so that the window's end is at or after sentAt + ends_in_ms. */
  accept(lease: Lease, want: number, sentAt: number, now: number): void {
    const { ends_in_ms, window_no } = lease;
    const deadline = sentAt + ends_in_ms - marginMs(ends_in_ms);
    if (window_no === this.window_no) {
      this.permits = (now < this.deadline ? this.permits : 0) + lease.permits;
      // Both are bounds of the same window's end; the later is the closer.
      this.deadline = Math.max(this.deadline, deadline);
      this.ends_at = Math.max(this.ends_at, sentAt + ends_in_ms);
    } else {
      this.permits = lease.permits;
      this.deadline = deadline;
      this.ends_at = sentAt + ends_in_ms;
      this.window_no = window_no;
    }
    this.granted_seen = lease.granted;
    this.leased = lease.permits;
    this.leased_at = now;
    if (now >= this.deadline) {
      this.permits = 0;
      this.pause_until = this.ends_at + 1;
    } else if (lease.permits < want) {
      this.denied_until = Math.min(this.ends_at, sentAt + DENIED_MS);
    }
  }

  fail(now: number): void {
    this.failed_until = now + FAILED_MS;
  }

  /** Takes the permits out of use, to be given back. The next slice is as large as what was used of this one. */
  surrender(): number {
    const { permits } = this;
    this.permits = 0;
    this.granted_seen = Math.max(0, this.granted_seen - permits);
    this.slice = Math.max(1, this.slice - permits);
    return permits;
  }
}

/** All buckets of the process, at most a fixed number: the least recently used leave first. */
export class BucketTable {
  private readonly byName = new Map<PolicyName, Map<string, Bucket>>(
    POLICY_NAMES.map((name) => [name, new Map<string, Bucket>()]),
  );
  private oldest: Bucket | null = null;
  private newest: Bucket | null = null;
  size = 0;

  /** @param onLeave is told of a bucket that leaves, so that its permits are not lost. */
  constructor(
    private readonly capacity: number,
    private readonly onLeave: (bucket: Bucket) => void,
  ) {}

  /** The bucket of a policy, made when there is none. Sorted by use to the second, which costs nothing on a busy one. */
  of({ name, w, subject }: Policy, now: number): Bucket {
    const ofName = this.byName.get(name) as Map<string, Bucket>;
    const known = ofName.get(subject);
    if (known?.w === w) {
      if (now - known.touched_at >= 1_000) {
        known.touched_at = now;
        this.unlink(known);
        this.link(known);
      }
      return known;
    }
    if (known) this.remove(known);
    const bucket = new Bucket(name, w, subject, now);
    ofName.set(subject, bucket);
    this.link(bucket);
    if (++this.size > this.capacity && this.oldest) this.remove(this.oldest);
    return bucket;
  }

  /** Removes what nobody used since a moment. */
  removeUnused(since: number): void {
    while (this.oldest && this.oldest.touched_at < since) this.remove(this.oldest);
  }

  private remove(bucket: Bucket): void {
    this.byName.get(bucket.name)?.delete(bucket.subject);
    this.unlink(bucket);
    this.size--;
    this.onLeave(bucket);
  }

  private link(bucket: Bucket): void {
    bucket.older = this.newest;
    bucket.newer = null;
    if (this.newest) this.newest.newer = bucket;
    else this.oldest = bucket;
    this.newest = bucket;
  }

  private unlink(bucket: Bucket): void {
    if (bucket.older) bucket.older.newer = bucket.newer;
    else this.oldest = bucket.newer;
    if (bucket.newer) bucket.newer.older = bucket.older;
    else this.newest = bucket.older;
    bucket.older = null;
    bucket.newer = null;
  }
}
