import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger, Optional } from '@nestjs/common';
import { JobsConfig } from '../../../config/app-config.js';
import { Grouped } from './grouped.js';
import { type HeldJob, HeldJobs } from './held-jobs.js';
import { JobClaimsRepository, type Lane } from './job-claims.repository.js';
import { JobHandlers } from './job-handlers.js';
import { handedBack, JobRunner, type RunEnd } from './job-runner.js';
import type { Unfinished } from './job-statements.js';
import type { Lease, LeasedJob } from './job.js';
import { JobCancelled, LeaseLost, WorkerStops } from './jobs.errors.js';
import { claimSeconds, leasesLost, runSeconds } from './jobs.metrics.js';
import { Reaper } from './reaper.js';
import { Pace, Slots } from './slots.js';
import { WakeUps } from './wake-ups.js';
import { WorkerSettings } from './worker-settings.js';

const MAX_ROWS = 100;
const MAX_LANES = 64;
/** A job fetched ahead that did not get its slot by then goes back, so that another process can take it. */
const MAX_QUEUED_MS = 1_000;
const MAX_DRAIN_ROUNDS = 1_000;

/**
 * A worker must not hold a row lock or a transaction while it works, and yet a worker that dies must not take its job with
 * it, nor one that was only slow overwrite the truth. So a claim writes a lease and a token into the row and commits; the
 * lease is extended by heartbeat, a result counts only under the token, and a lease that runs out is taken back by
 * whichever process looks first (Reaper). Time is always the database's. Known name of the token: fencing token.
 */
@Injectable()
export class Workers implements BeforeApplicationShutdown {
  private readonly logger = new Logger('jobs');
  private readonly name = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  private readonly slots: Slots;
  private readonly held: HeldJobs;
  private readonly pace = new Pace();
  private readonly finished = new Grouped<Lease & { readonly id: string }>((leases) =>
    this.persist(() => this.claims.finish(leases)),
  );
  private readonly returned = new Grouped<Unfinished>((ends) => this.persist(() => this.claims.giveBack(ends)));
  private behind: Lane | null = null;
  private promote_at_ms = 0;
  private loops: Promise<void>[] = [];
  private stopping: AbortController | null = null;
  private stopped: Promise<void> | undefined;
  private claiming: Promise<number> | undefined;
  /** Ends the loop's sleep; a wake-up while it is awake is kept. */
  private waker: (() => void) | undefined;
  private is_woken = false;
  private quietListeners: (() => void)[] = [];
  private forgetWakeUps: (() => void) | undefined;

  constructor(
    private readonly handlers: JobHandlers,
    private readonly claims: JobClaimsRepository,
    private readonly runner: JobRunner,
    private readonly reaper: Reaper,
    private readonly wakeUps: WakeUps,
    config: JobsConfig,
    @Optional() private readonly settings: WorkerSettings = new WorkerSettings(),
  ) {
    this.slots = new Slots(config.concurrency);
    this.held = new HeldJobs(this.slots);
  }

  /** Begins to claim and run jobs. */
  start(): void {
    if (this.stopping) return;
    this.stopping = new AbortController();
    this.forgetWakeUps = this.wakeUps.on(() => {
      this.promote_at_ms = 0;
      this.wake();
    });
    const { heartbeat_ms, reap_ms } = this.settings;
    this.loops = [
      this.work(this.stopping.signal),
      this.every(heartbeat_ms, () => this.heartbeat()),
      this.every(reap_ms, () => within(this.settings.statement_ms, this.reaper.reap())),
    ];
  }

  /** Claims no more, gives handlers 8 s and their signal, and hands back what is unfinished, uncounted. */
  async stop(): Promise<void> {
    if (!this.stopping) return;
    this.stopped ??= this.stopOnce(this.stopping);
    await this.stopped;
  }

  private async stopOnce(stopping: AbortController): Promise<void> {
    stopping.abort();
    this.forgetWakeUps?.();
    this.wake();
    await Promise.all(this.loops);
    const queued = this.held.takeQueued();
    const reason = new WorkerStops('this worker stops: the job goes on elsewhere');
    for (const job of this.held.all) if (job.state === 'running') job.controller.abort(reason);
    const over = new AbortController();
    const wait = (time_ms: number) => this.pause(time_ms, over.signal);
    const returned = this.handBack(queued);
    await Promise.race([this.quiet(), wait(this.settings.shutdown_ms)]);
    const unfinished = this.held.all.filter((job) => job.state === 'running');
    await Promise.race([Promise.all([returned, this.handBack(unfinished)]), wait(1_000)]);
    over.abort();
    this.wakeUps.signal();
    this.stopping = null;
    this.stopped = undefined;
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  /** For tests: runs everything due, with `all` also what lies ahead, until nothing is left to do. */
  async drain({ all = false }: { readonly all?: boolean } = {}): Promise<void> {
    for (let round = 0; round < MAX_DRAIN_ROUNDS; round++) {
      const { promoted } = await this.claims.promote(all);
      const claimed = await this.claim();
      const held = this.held.size;
      await this.quiet();
      if (promoted + claimed + held === 0) return;
    }
    throw new Error(`the queue is not quiet after ${MAX_DRAIN_ROUNDS} rounds: some job returns for ever`);
  }

  /** Fires the signal of a job that was deleted, if this process runs it. */
  cancel(id: string): void {
    this.held.find(id)?.controller.abort(new JobCancelled('this job was deleted'));
  }

  private async work(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        this.is_woken = false;
        if (performance.now() >= this.promote_at_ms) await this.promote();
        const claimed = await this.claim();
        failures = 0;
        await this.returnStale();
        if (claimed > 0 && this.slots.room >= 1) continue;
        await this.wokenWithin(Math.max(1, this.promote_at_ms - performance.now()));
      } catch (error) {
        this.logger.error(error);
        await this.pause(Math.min(5_000, 100 * 2 ** failures++), signal);
      }
    }
  }

  private async promote(): Promise<void> {
    const { promoted, next_ms } = await within(this.settings.statement_ms, this.claims.promote());
    const poll_ms = this.settings.poll_ms * (1 + Math.random() / 5);
    const wait_ms = promoted >= 1_000 ? 0 : Math.min(poll_ms, next_ms ?? poll_ms);
    this.promote_at_ms = performance.now() + wait_ms;
  }

  /** Claims as much as there is room for and starts it; one claim at a time. */
  private claim(): Promise<number> {
    this.claiming ??= this.claimOnce().finally(() => (this.claiming = undefined));
    return this.claiming;
  }

  private async claimOnce(): Promise<number> {
    const kinds = this.handlers.all.map(({ kind, per_lane }) => ({
      kind,
      cost: this.pace.cost(kind),
      lane_slots: this.slots.laneSlots(per_lane),
    }));
    const leastCost = Math.min(1, ...kinds.map(({ cost }) => cost));
    const { room, workspace_slots } = this.slots;
    if (kinds.length === 0 || room + 1e-6 < leastCost) return 0;
    const held_lanes = this.slots.heldLanes();
    const held_workspaces = this.slots.heldWorkspaces();
    const started_ms = performance.now();
    const stopTimer = claimSeconds.startTimer();
    const answer = await within(
      this.settings.statement_ms,
      this.claims.claim({
        lease_ms: this.settings.lease_ms,
        leased_by: this.name,
        room,
        max_rows: MAX_ROWS,
        // Lanes that have all they may are walked over, too.
        max_lanes: Math.min(MAX_LANES, Math.ceil(room / leastCost)) + held_lanes.length,
        workspace_slots,
        kinds,
        held_lanes,
        held_workspaces,
        full_workspaces: held_workspaces
          .filter(({ used }) => workspace_slots - used + 1e-6 < leastCost)
          .map(({ workspace_id }) => workspace_id),
        behind: this.behind,
      }),
    );
    stopTimer();
    this.behind = answer.behind;
    for (const row of answer.jobs) this.accept(row, started_ms);
    this.dispatch();
    return answer.jobs.length;
  }

  private accept(row: LeasedJob, since_ms: number): void {
    const handler = this.handlers.find(row.kind);
    if (!handler) throw new Error(`claimed a job of the kind ${row.kind}, which nobody handles`);
    this.held.add({
      row,
      handler,
      cost: this.pace.cost(row.kind),
      lane_slots: this.slots.laneSlots(handler.per_lane),
      controller: new AbortController(),
      since_ms,
      stands_until_ms: since_ms + this.settings.lease_ms,
      state: 'queued',
    });
  }

  private dispatch(): void {
    if (this.stopping?.signal.aborted) return;
    for (const job of this.held.startable()) this.run(job).catch((error: unknown) => this.logger.error(error));
  }

  private async run(job: HeldJob): Promise<void> {
    const started_ms = performance.now();
    let end: RunEnd;
    try {
      end = await this.runner.run(job.row, job.handler, job.controller.signal);
    } catch (error) {
      // The end could not be recorded: the lease runs out and the job is taken back.
      this.logger.error(error);
      end = { outcome: 'lost', record: 'nothing' };
    }
    const run_ms = performance.now() - started_ms;
    this.pace.note(job.row.kind, run_ms);
    this.slots.end(job.row);
    if (job.state === 'running') {
      job.state = 'ending';
      this.dispatch();
      end = await this.record(job, end);
    }
    const isLost = job.state === 'lost';
    const outcome = isLost ? (this.stops(job) ? 'handed_back' : 'lost') : end.outcome;
    if (outcome === 'lost') leasesLost.inc();
    runSeconds.observe({ kind: job.row.kind, outcome }, run_ms / 1_000);
    this.forget(job);
  }

  private async record(job: HeldJob, end: RunEnd): Promise<RunEnd> {
    if (end.record === 'nothing') return end;
    const recorded = end.record === 'removal' ? this.finished.add(job.row) : this.returned.add(end.unfinished);
    return (await recorded) ? end : { outcome: 'lost', record: 'nothing' };
  }

  private stops(job: HeldJob): boolean {
    return job.controller.signal.reason instanceof WorkerStops;
  }

  private async handBack(jobs: readonly HeldJob[]): Promise<void> {
    if (jobs.length === 0) return;
    for (const job of jobs) job.state = 'lost';
    await this.persist(() => this.claims.giveBack(jobs.map(({ row }) => handedBack(row))));
    for (const job of jobs) this.forget(job);
  }

  /** Jobs that were fetched ahead of a kind that has become slow. */
  private async returnStale(): Promise<void> {
    const oldest_ms = performance.now() - MAX_QUEUED_MS;
    const stale = this.held.takeQueued((job) => job.since_ms < oldest_ms);
    for (const job of stale) this.pace.noteSlow(job.row.kind);
    await this.handBack(stale);
  }

  private forget(job: HeldJob): void {
    this.held.remove(job);
    this.dispatch();
    this.wake();
    if (this.held.size > 0) return;
    for (const listener of this.quietListeners.splice(0)) listener();
  }

  private async heartbeat(): Promise<void> {
    const jobs = this.held.all.filter(({ state }) => state === 'queued' || state === 'running');
    if (jobs.length === 0) return;
    const began_ms = performance.now();
    try {
      const { lease_ms, statement_ms } = this.settings;
      const extended = await within(
        statement_ms,
        this.claims.extend(
          jobs.map(({ row }) => row),
          lease_ms,
        ),
      );
      for (const job of jobs) {
        const isCancelled = extended.get(job.row.id);
        if (isCancelled === undefined) this.lose(job);
        else job.stands_until_ms = began_ms + lease_ms;
        if (isCancelled) job.controller.abort(new JobCancelled('this job was deleted'));
      }
    } catch (error) {
      this.logger.error(error);
      for (const job of jobs) if (job.stands_until_ms < performance.now()) this.lose(job);
    }
  }

  /** A run that has lost its job keeps its slot until it ends, but nothing it does counts. */
  private lose(job: HeldJob): void {
    if (this.held.find(job.row.id) !== job || job.state === 'ending' || job.state === 'lost') return;
    const wasQueued = job.state === 'queued';
    if (wasQueued) this.held.takeQueued((queued) => queued === job);
    job.state = 'lost';
    job.controller.abort(new LeaseLost(job.row.id));
    if (wasQueued) this.forget(job);
  }

  /** Records a group of results; tries again while the leases may still stand, then leaves it to the reaper. */
  private async persist(record: () => Promise<ReadonlySet<string>>): Promise<ReadonlySet<string> | null> {
    const { lease_ms, statement_ms } = this.settings;
    const until_ms = performance.now() + lease_ms;
    for (let failures = 0; ; failures++) {
      try {
        return await within(statement_ms, record());
      } catch (error) {
        this.logger.error(error);
        if (performance.now() > until_ms) return null;
        await this.pause(Math.min(5_000, 100 * 2 ** failures));
      }
    }
  }

  private async every(interval_ms: number, work: () => Promise<unknown>): Promise<void> {
    const signal = this.stopping?.signal;
    while (signal && !signal.aborted) {
      await this.pause(interval_ms, signal);
      if (!signal.aborted) await work().catch((error: unknown) => this.logger.error(error));
    }
  }

  /** Resolves when this process holds no job. */
  private quiet(): Promise<void> {
    if (this.held.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.quietListeners.push(resolve));
  }

  private wake(): void {
    this.is_woken = true;
    this.waker?.();
  }

  private async wokenWithin(time_ms: number): Promise<void> {
    if (this.is_woken) return;
    const woken = new AbortController();
    this.waker = () => woken.abort();
    await this.pause(time_ms, woken.signal);
    this.waker = undefined;
  }

  private async pause(time_ms: number, signal?: AbortSignal): Promise<void> {
    await delay(time_ms, undefined, signal && { signal }).catch(() => undefined);
  }
}

/** @throws {Error} when the database does not answer in time; a connection that hangs must not hang the worker. */
async function within<T>(time_ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the database did not answer within ${time_ms} ms`)), time_ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
