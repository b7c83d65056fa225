import { Injectable, Logger, Optional } from '@nestjs/common';
import { Context } from '../context/context.js';
import { systemPrincipal } from '../context/principal.js';
import { Database } from '../database/database.js';
import { Events } from '../events/events.js';
import { CallerCheck } from './caller-check.js';
import { backoffMs } from './backoff.js';
import type { AgainOptions, Job, JobEnd, LeasedJob } from './job.js';
import type { JobHandler } from './job-handlers.js';
import { retryTwins, type Unfinished } from './job-statements.js';
import { LeaseLost, WorkerStops } from './jobs.errors.js';
import { JobsRepository } from './jobs.repository.js';
import { WorkerSettings } from './worker-settings.js';

/** What remains to be recorded after a run. `recorded`: nothing. */
export type RunEnd =
  | { readonly outcome: 'recorded' | 'parked' | 'again' | 'lost'; readonly record: 'nothing' }
  | { readonly outcome: 'done'; readonly record: 'removal' }
  | {
      readonly outcome: 'again' | 'failed' | 'handed_back';
      readonly record: 'return';
      readonly unfinished: Unfinished;
    };

/** Runs one leased job: enters its workspace as the right principal, calls the handler, and settles how the run ended. */
@Injectable()
export class JobRunner {
  private readonly logger = new Logger('jobs');

  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly callers: CallerCheck,
    private readonly repository: JobsRepository,
    private readonly events: Events,
    @Optional() private readonly settings: WorkerSettings = new WorkerSettings(),
  ) {}

  /** Never rejects on account of the handler; rejects when the database cannot record the end. */
  async run(row: LeasedJob, handler: JobHandler, signal: AbortSignal): Promise<RunEnd> {
    const run = new Run(row, signal, (writes, done) => this.complete(row, writes, done));
    const system = systemPrincipal(row.workspace_id, row.actor);
    const options = {
      via: handler.via ?? row.via,
      depth: row.depth,
      signal,
      ...(row.request_id !== null && { request_id: row.request_id }),
    };
    let end: JobEnd | void = undefined;
    try {
      const isCaller = handler.as === 'caller';
      const principal = isCaller ? await this.callers.principalFor(row.workspace_id, row.actor) : system;
      end = principal
        ? await this.context.runAs(principal, options, () => handler.work(run as Job))
        : run.park('caller-gone', async () => void (await handler.onCallerGone?.(run as Job)));
    } catch (error) {
      if (run.is_completed) this.logger.error(error);
      else return this.failed(row, error, signal);
    }
    if (run.is_completed) return { outcome: 'recorded', record: 'nothing' };
    if (end === undefined) return { outcome: 'done', record: 'removal' };
    const ending = end;
    return this.context.runAs(system, options, () => this.settle(row, ending));
  }

  /** Sets a job aside whose worker did not come back from its last attempt. */
  async parkExpired(row: LeasedJob, error: string): Promise<void> {
    const system = systemPrincipal(row.workspace_id, row.actor);
    await this.context.runAs(system, { via: 'system', depth: row.depth }, () =>
      this.db.transaction(() => this.park(row, error, true)),
    );
  }

  /** Joins a transaction that is open: then the job is done when that one commits. */
  private async complete(row: LeasedJob, writes: () => Promise<void>, done: () => void): Promise<void> {
    await this.db.transaction(async () => {
      await writes();
      if (!(await this.repository.complete(row))) throw new LeaseLost(row.id);
      this.db.afterCommit(done);
    });
  }

  private async failed(row: LeasedJob, error: unknown, signal: AbortSignal): Promise<RunEnd> {
    if (error instanceof LeaseLost) return { outcome: 'lost', record: 'nothing' };
    if (signal.reason instanceof WorkerStops) {
      return { outcome: 'handed_back', record: 'return', unfinished: handedBack(row) };
    }
    const text = errorText(error);
    this.logger.warn(`${row.kind} ${row.id}, attempt ${row.attempt} of ${row.max_attempts}: ${text}`);
    const end = { after_ms: backoffMs(row.attempt, this.settings.backoff_base_ms), counted: true, reason: text };
    const system = systemPrincipal(row.workspace_id, row.actor);
    const settled = await this.context.runAs(system, { via: 'system', depth: row.depth }, () =>
      this.settle(row, { outcome: 'again', ...end }),
    );
    return settled.record === 'return' ? { ...settled, outcome: 'failed' } : settled;
  }

  private async settle(row: LeasedJob, end: JobEnd): Promise<RunEnd> {
    try {
      const isSpent = end.outcome === 'again' && end.counted && row.attempt >= row.max_attempts;
      if (end.outcome === 'parked' || isSpent) {
        const reason = end.reason ?? 'the attempts are used up';
        await this.db.transaction(async () => {
          await end.writes?.();
          if (!(await this.park(row, reason, false))) throw new LeaseLost(row.id);
        });
        return { outcome: 'parked', record: 'nothing' };
      }
      const unfinished = toUnfinished(row, end);
      const { writes } = end;
      if (!writes) return { outcome: 'again', record: 'return', unfinished };
      await retryTwins(() =>
        this.db.transaction(async () => {
          await writes();
          if (!(await this.repository.giveBack(unfinished))) throw new LeaseLost(row.id);
        }),
      );
      return { outcome: 'again', record: 'nothing' };
    } catch (error) {
      if (error instanceof LeaseLost) return { outcome: 'lost', record: 'nothing' };
      // What should have been written with the end was not, so the run has failed.
      return {
        outcome: 'failed',
        record: 'return',
        unfinished: toUnfinished(row, {
          after_ms: backoffMs(row.attempt, this.settings.backoff_base_ms),
          counted: true,
          reason: errorText(error),
        }),
      };
    }
  }

  private async park(row: LeasedJob, reason: string, only_expired: boolean): Promise<boolean> {
    const { id, kind, attempt } = row;
    const error = cut(reason);
    const result = await this.repository.park(row, error, only_expired);
    if (result === 'parked') {
      this.events.publish('job.parked', { subject_id: id, data: { id, kind, attempts: attempt, error } });
    }
    return result !== 'gone';
  }
}

/** The face that a run shows to its handler. */
class Run implements Job {
  readonly id: string;
  readonly kind: string;
  readonly payload: Record<string, unknown>;
  readonly key: string | null;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly workspace_id: string;
  readonly actor: Job['actor'];
  is_completed = false;

  constructor(
    row: LeasedJob,
    readonly signal: AbortSignal,
    private readonly record: (writes: () => Promise<void>, done: () => void) => Promise<void>,
  ) {
    ({
      id: this.id,
      kind: this.kind,
      payload: this.payload,
      key: this.key,
      attempt: this.attempt,
      max_attempts: this.max_attempts,
      workspace_id: this.workspace_id,
      actor: this.actor,
    } = row);
  }

  async complete(writes: () => Promise<void>): Promise<void> {
    if (this.is_completed) throw new Error(`job ${this.id} is complete already`);
    await this.record(writes, () => (this.is_completed = true));
  }

  again(options: AgainOptions): JobEnd {
    return { outcome: 'again', ...options };
  }

  park(reason: string, writes?: () => Promise<void>): JobEnd {
    return { outcome: 'parked', reason, ...(writes && { writes }) };
  }
}

/** Back to the queue at once, as if it had not been claimed. */
export function handedBack({ workspace_id, id, token }: LeasedJob): Unfinished {
  return { workspace_id, id, token, after_ms: null, counted: false, error: null };
}

function toUnfinished({ workspace_id, id, token }: LeasedJob, end: AgainOptions): Unfinished {
  const { after_ms, counted, reason } = end;
  return {
    workspace_id,
    id,
    token,
    after_ms: Math.max(0, after_ms),
    counted,
    error: reason === undefined ? null : cut(reason),
  };
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** At most 2 KiB, without NUL, which PostgreSQL cannot keep. */
function cut(text: string): string {
  return Buffer.from(text.replaceAll('\0', ''))
    .subarray(0, 2_048)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
}
