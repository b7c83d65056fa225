import { Injectable } from '@nestjs/common';
import { Context } from '../context/context.js';
import { Database } from '../database/database.js';
import { JobHandlers } from './job-handlers.js';
import { JobsRepository, type NewJob } from './jobs.repository.js';
import { WakeUps } from './wake-ups.js';

/** When and how a job runs; all of it optional. */
export interface EnqueueOptions {
  /**
   * Jobs of one key never run side by side, and one that has not started yet takes up further enqueues: it keeps the
   * earlier time and gets the newer payload. The handler must be able to find its work from the key alone.
   */
  readonly key?: string;
  /** Not before this time. Past or absent: at once. */
  readonly run_at?: Date | string;
  /** Not before so many milliseconds from now, by the clock of the database; wins over run_at. */
  readonly after_ms?: number;
  /** What fairness counts as one queue. Default: the kind. */
  readonly lane?: string;
  readonly max_attempts?: number;
}

export interface JobItem extends EnqueueOptions {
  readonly payload: object;
}

const MAX_PAYLOAD_BYTES = 16_384;
const MAX_ITEMS = 1_000;

/**
 * Work that must happen, though not now and not inside the caller's transaction. A job is a row that is written with the
 * change that asks for it, so rolled back means it never existed, and committed means it runs, whichever process dies.
 */
@Injectable()
export class Jobs {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly handlers: JobHandlers,
    private readonly repository: JobsRepository,
    private readonly wakeUps: WakeUps,
  ) {}

  /**
   * Adds a job in the open transaction.
   * @returns its id, or that of the job of the same key which has not started yet.
   * @throws {Error} outside a transaction, or when the payload exceeds 16 KiB.
   */
  async enqueue(kind: string, payload: object, options: EnqueueOptions = {}): Promise<string> {
    const [id = ''] = await this.enqueueMany(kind, [{ payload, ...options }]);
    return id;
  }

  /** Adds up to 1,000 jobs in one statement; the ids come in the order of the items. */
  async enqueueMany(kind: string, items: readonly JobItem[]): Promise<string[]> {
    if (items.length > MAX_ITEMS) throw new Error(`at most ${MAX_ITEMS} jobs at once, not ${items.length}`);
    if (items.length === 0) return [];
    const { via, depth, request_id } = this.context.current();
    const { type, id, name } = this.context.principal();
    const origin = { actor: JSON.stringify({ type, id, name }), via, depth, request_id };
    const ids = await this.repository.enqueue(
      items.map((item) => this.newJob(kind, item)),
      origin,
    );
    this.db.afterCommit(this.wake);
    return ids;
  }

  private readonly wake = (): void => this.wakeUps.signal();

  private newJob(kind: string, item: JobItem): NewJob {
    const payload = JSON.stringify(item.payload);
    if (Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES) {
      throw new Error(`the payload of a ${kind} job exceeds 16 KiB: store it with its noun and pass the id`);
    }
    return {
      kind,
      payload,
      lane: item.lane ?? kind,
      key: item.key ?? null,
      run_at: item.run_at === undefined ? null : new Date(item.run_at).toISOString(),
      after_ms: item.after_ms ?? null,
      max_attempts: item.max_attempts ?? this.handlers.maxAttempts(kind),
    };
  }
}
