import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Scheduled } from '../scheduling/scheduled.decorator.js';
import { type Bucket, BucketTable, PATIENCE_MS } from './bucket.js';
import type { Decision } from './decision.js';
import { bucketName, LeaseStore, type Unused } from './lease-store.js';
import { leaseSeconds, limitCounts } from './limit-counts.js';
import { LimiterClock } from './limiter-clock.js';
import { LimitsUnavailable, RateLimited } from './limits.errors.js';
import type { Policy, RateHeaders, Standing } from './policy.js';
import { NO_HEADERS, rateHeaders } from './rate-headers.js';

const SWEEP_MS = 1_000;
/** Use is known to the second, so what was not touched for three was idle for two at least. */
const GIVE_BACK_AFTER_MS = 3_000;
/** Two windows of the usual policies. Nothing is lost with a bucket that holds no permits, whatever its window. */
const FORGET_AFTER_MS = 120_000;
const MAX_BUCKETS = 100_000;
const MAX_GIVEN_BACK_AT_ONCE = 500;
const EXCEEDED_EVERY_MS = 3_600_000;

const UNLIMITED: Decision = Object.freeze({ admitted: true, headers: NO_HEADERS });

/** Called when a bucket refuses for the first time within an hour in this process, in the context of the refused request. */
export type ExceededListener = (policy: Policy) => void;

/**
 * A limit that several processes share needs a common counter, but a counter that every request writes makes the database
 * the bottleneck, and a counter in each process multiplies the limit. So processes lease slices of a window's permits
 * from one row per bucket and window, and spend them from memory.
 *
 * Never more than q are admitted in a window of the database's clock: (1) `granted` of a row never exceeds q, each
 * change being one atomic statement; (2) a permit lies in one integer of one process and is taken within one turn of the
 * event loop; before it is given back it is removed; (3) it is spent only before `sent + ends_in_ms - margin`, and the
 * window's end lies after that in real time, because the database computed `ends_in_ms` after the lease was sent. So
 * crashes, delays and wrong clocks lose permits and never add any.
 */
@Injectable()
export class Limiter implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('limits');
  private readonly table = new BucketTable(MAX_BUCKETS, (bucket) => this.onLeave(bucket));
  /** Buckets with permits in hand. */
  private readonly holding = new Set<Bucket>();
  private cancelSweep: (() => void) | null = null;
  private exceededListener: ExceededListener | null = null;
  private isClosing = false;
  private hasFailed = false;

  constructor(
    private readonly store: LeaseStore,
    private readonly clock: LimiterClock,
  ) {}

  /**
   * Takes `cost` permits from every policy, or none. Answers at once while permits are in hand or known to be used up;
   * a promise means that a lease is on its way. A policy with q = 0 does not count. It never throws: a refusal, also
   * for want of a database, is a value.
   */
  take(policies: readonly Policy[], cost = 1): Decision | Promise<Decision> {
    const now = this.clock.now();
    return this.tryTake(policies, cost, now) ?? this.takeLeased(policies, cost, now + PATIENCE_MS);
  }

  /** The refusal of a policy that is known to be used up, without taking a permit; null when it may still admit. */
  refusalOf(policy: Policy): Decision | null {
    const now = this.clock.now();
    if (policy.q === 0 || this.table.of(policy, now).state(1, policy.q, now) !== 'denied') return null;
    return this.refuse([policy], 1, now);
  }

  /** Where the subjects stand in the present window, in all processes together. Policies without a limit are left out. */
  standing(policies: readonly Policy[]): Promise<Standing[]> {
    return this.store.standing(policies.filter(({ q }) => q > 0));
  }

  /** Forgets windows that are long over. */
  @Scheduled({ name: 'limits.delete-old-windows', every_ms: 300_000 })
  deleteOldWindows(): Promise<void> {
    return this.store.deleteOld();
  }

  /** Names the one that reports exceeded limits. It must not throw. */
  onExceeded(listener: ExceededListener): void {
    this.exceededListener = listener;
  }

  /** Gives every unused permit back. What is taken afterwards is leased as it is needed. */
  async returnAll(): Promise<void> {
    this.isClosing = true;
    await this.giveBack([...this.holding]);
  }

  /** A database that does not answer must not keep the process from ending. */
  async beforeApplicationShutdown(): Promise<void> {
    let cancel: (() => void) | undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.clock.after(PATIENCE_MS, resolve);
    });
    await Promise.race([this.returnAll(), patience]);
    cancel?.();
  }

  onModuleDestroy(): void {
    this.cancelSweep?.();
    this.cancelSweep = null;
    this.isClosing = true;
  }

  /** Decides from memory within one turn of the event loop; null when a lease is needed first. */
  private tryTake(policies: readonly Policy[], cost: number, now: number): Decision | null {
    let tightest: Policy | null = null;
    let left = 0;
    let endsInMs = 0;
    let isRunningOut = false;
    for (let i = 0; i < policies.length; i++) {
      const policy = policies[i] as Policy;
      const { q } = policy;
      if (q === 0) continue;
      const bucket = this.table.of(policy, now);
      if (bucket.state(cost, q, now) !== 'in_hand') {
        this.putBack(policies, i, cost, now);
        return this.refuse(policies, cost, now);
      }
      bucket.permits -= cost;
      limitCounts.decisions[policy.name].admitted++;
      isRunningOut ||= bucket.isRunningOut(q, now);
      const ofPolicy = bucket.left(q, now);
      if (tightest === null || ofPolicy * tightest.q < left * q) {
        tightest = policy;
        left = ofPolicy;
        endsInMs = bucket.endsInMs(now);
      }
    }
    if (tightest === null) return UNLIMITED;
    if (isRunningOut) this.leaseAhead(policies, now);
    return { admitted: true, headers: rateHeaders(policies, tightest, left, endsInMs) };
  }

  /** Undoes what tryTake took, in the same turn of the event loop: the permits are still of the same window. */
  private putBack(policies: readonly Policy[], end: number, cost: number, now: number): void {
    for (let i = 0; i < end; i++) {
      const policy = policies[i] as Policy;
      if (policy.q === 0) continue;
      this.table.of(policy, now).permits += cost;
      limitCounts.decisions[policy.name].admitted--;
    }
  }

  private leaseAhead(policies: readonly Policy[], now: number): void {
    if (this.isClosing) return;
    for (const policy of policies) {
      if (policy.q === 0) continue;
      const bucket = this.table.of(policy, now);
      if (bucket.isRunningOut(policy.q, now)) this.startLease(bucket, policy.q, 1, now);
    }
  }

  /** The refusal of the policies that have nothing left; null when leases may still help. */
  private refuse(policies: readonly Policy[], cost: number, now: number): Decision | null {
    let refusing: Policy | null = null;
    let refusals = 0;
    let waitMs = 0;
    let isUnavailable = false;
    for (const policy of policies) {
      if (policy.q === 0) continue;
      const bucket = this.table.of(policy, now);
      const state = bucket.state(cost, policy.q, now);
      if (state === 'unavailable') isUnavailable = true;
      if (state !== 'denied') continue;
      refusals++;
      limitCounts.decisions[policy.name].refused++;
      this.noticeExceeded(bucket, policy, now);
      if (refusing === null || bucket.endsInMs(now) > waitMs) {
        refusing = policy;
        waitMs = bucket.endsInMs(now);
      }
    }
    if (refusing !== null) {
      // Callers refused by several policies at once would otherwise all return in the same second.
      const scatterMs = refusals > 1 ? Math.random() * refusing.w * 100 : 0;
      const retryAfter = Math.max(1, Math.ceil((waitMs + scatterMs) / 1000));
      const headers = this.refusalHeaders(policies, refusing, now);
      return { admitted: false, problem: new RateLimited(refusing, retryAfter, headers) };
    }
    return isUnavailable ? this.unavailable(policies) : null;
  }

  private refusalHeaders(policies: readonly Policy[], policy: Policy, now: number): RateHeaders {
    const bucket = this.table.of(policy, now);
    return rateHeaders(policies, policy, bucket.left(policy.q, now), bucket.endsInMs(now));
  }

  private unavailable(policies: readonly Policy[]): Decision {
    for (const { name, q } of policies) if (q > 0) limitCounts.decisions[name].unavailable++;
    return { admitted: false, problem: new LimitsUnavailable() };
  }

  private async takeLeased(policies: readonly Policy[], cost: number, until: number): Promise<Decision> {
    for (;;) {
      const now = this.clock.now();
      if (now >= until) return this.unavailable(policies);
      const flights: Promise<void>[] = [];
      for (const policy of policies) {
        if (policy.q === 0) continue;
        const bucket = this.table.of(policy, now);
        if (bucket.state(cost, policy.q, now) !== 'to_lease') continue;
        this.startLease(bucket, policy.q, cost, now);
        if (bucket.flight) flights.push(bucket.flight);
      }
      await Promise.all(flights);
      const decision = this.tryTake(policies, cost, this.clock.now());
      if (decision) return decision;
    }
  }

  /** One lease at a time per bucket; all who need it share it. It settles when it arrived, failed or took too long. */
  private startLease(bucket: Bucket, q: number, cost: number, now: number): void {
    if (bucket.flight) return;
    bucket.asked_at = now;
    bucket.flight = new Promise<void>((resolve) => {
      const cancel = this.clock.after(PATIENCE_MS, resolve);
      const land = () => {
        cancel();
        bucket.flight = null;
        resolve();
      };
      this.fly(bucket, q, cost).then(land, land);
    });
  }

  private async fly(bucket: Bucket, q: number, cost: number): Promise<void> {
    const pauseMs = bucket.pause_until - this.clock.now();
    if (pauseMs > 0) await new Promise<void>((resolve) => this.clock.after(pauseMs, resolve));
    const sentAt = this.clock.now();
    const want = this.isClosing ? cost : bucket.ask(cost, q, sentAt);
    limitCounts.leases++;
    try {
      const lease = await this.store.lease(bucketName(bucket), q, bucket.w, want);
      bucket.accept(lease, want, sentAt, this.clock.now());
      this.hasFailed = false;
      if (bucket.permits > 0) this.hold(bucket);
    } catch (error) {
      bucket.fail(this.clock.now());
      if (!this.hasFailed) this.logger.warn(`requests cannot be counted: ${String(error)}`);
      this.hasFailed = true;
    }
    leaseSeconds.observe((this.clock.now() - sentAt) / 1_000);
  }

  private hold(bucket: Bucket): void {
    this.holding.add(bucket);
    this.scheduleSweep();
  }

  private scheduleSweep(): void {
    if (this.cancelSweep || this.isClosing) return;
    this.cancelSweep = this.clock.after(SWEEP_MS, () => {
      this.cancelSweep = null;
      this.sweep(this.clock.now());
      if (this.table.size > 0 || this.holding.size > 0) this.scheduleSweep();
    });
  }

  private sweep(now: number): void {
    const idle: Bucket[] = [];
    for (const bucket of this.holding) {
      if (bucket.permits === 0 || now >= bucket.deadline) this.holding.delete(bucket);
      else if (!bucket.flight && now - bucket.touched_at >= GIVE_BACK_AFTER_MS) idle.push(bucket);
    }
    this.table.removeUnused(now - FORGET_AFTER_MS);
    if (idle.length > 0) this.giveBack(idle).catch(() => undefined);
  }

  /** The permits are out of use before the statement is sent; if it is lost, they are lost. */
  private async giveBack(buckets: readonly Bucket[]): Promise<void> {
    const now = this.clock.now();
    const unused: Unused[] = [];
    for (const bucket of buckets) {
      this.holding.delete(bucket);
      const { deadline, window_no } = bucket;
      const permits = bucket.surrender();
      if (permits > 0 && now < deadline) unused.push({ bucket: bucketName(bucket), window_no, permits });
    }
    for (let i = 0; i < unused.length; i += MAX_GIVEN_BACK_AT_ONCE) {
      try {
        await this.store.giveBack(unused.slice(i, i + MAX_GIVEN_BACK_AT_ONCE));
      } catch (error) {
        this.logger.debug(`unused permits were lost: ${String(error)}`);
      }
    }
  }

  private onLeave(bucket: Bucket): void {
    // Given back by the next sweep.
    if (bucket.permits > 0) bucket.touched_at = -GIVE_BACK_AFTER_MS;
  }

  private noticeExceeded(bucket: Bucket, policy: Policy, now: number): void {
    if (!this.exceededListener) return;
    if (bucket.exceeded_at >= 0 && now - bucket.exceeded_at < EXCEEDED_EVERY_MS) return;
    bucket.exceeded_at = now;
    this.exceededListener(policy);
  }
}
