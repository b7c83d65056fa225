import type { Actor, Via } from '../../contracts/events.js';

/** Where a job stands. A finished job has no row. */
export const JOB_STATES = ['waiting', 'ready', 'leased', 'parked'] as const;

export type JobState = (typeof JOB_STATES)[number];

/** What a handler gets: its arguments, and the ways in which the job can end. */
export interface Job<Payload extends object = Record<string, unknown>> {
  /** Stable over all attempts: what effects outside the database pass as their idempotency key. */
  readonly id: string;
  readonly kind: string;
  readonly payload: Payload;
  readonly key: string | null;
  /** 1 at the first claim. */
  readonly attempt: number;
  readonly max_attempts: number;
  readonly workspace_id: string;
  readonly actor: Actor;
  /** Fires when the lease is lost, the job is deleted, or the process stops: give up what is under way. */
  readonly signal: AbortSignal;
  /**
   * Runs the writes and removes the job in one transaction.
   * @throws {LeaseLost} when another worker has taken over; nothing is written then.
   */
  complete(writes: () => Promise<void>): Promise<void>;
  /** Return it from the handler: the job runs again. */
  again(options: AgainOptions): JobEnd;
  /** Return it from the handler: the job is set aside at once and waits for a person. */
  park(reason: string, writes?: () => Promise<void>): JobEnd;
}

/** When a job runs again. */
export interface AgainOptions {
  readonly after_ms: number;
  /** False for a snooze: this run does not count as an attempt. */
  readonly counted: boolean;
  /** Kept as the job's last error. */
  readonly reason?: string;
  /** Written in the transaction that schedules the next run. */
  readonly writes?: () => Promise<void>;
}

/** How a run ended, when it did not simply succeed. Made by Job.again and Job.park. */
export type JobEnd =
  | ({ readonly outcome: 'again' } & AgainOptions)
  | { readonly outcome: 'parked'; readonly reason: string; readonly writes?: () => Promise<void> };

/** What names one lease: a result counts only while id and token stand together in the table. */
export interface Lease {
  readonly workspace_id: string;
  readonly id: string;
  /** Grows by one at every claim and at every giving back. */
  readonly token: number;
}

/** A job as the claim returns it. */
export interface LeasedJob extends Lease {
  readonly kind: string;
  readonly lane: string;
  readonly key: string | null;
  readonly payload: Record<string, unknown>;
  readonly actor: Actor;
  readonly via: Via;
  readonly depth: number;
  readonly request_id: string | null;
  readonly attempt: number;
  readonly max_attempts: number;
}
