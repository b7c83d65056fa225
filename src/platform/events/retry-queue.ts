import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import type { DomainEvent } from '../../contracts/events.js';
import { systemPrincipal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import { Events } from './events.js';
import { EVENT_COLUMNS, type EventRow, type LoggedEvent, toLogged } from './log-reader.js';

/** Waits between the attempts, in seconds; after the last one the event is parked. */
export const RETRY_DELAYS_S = [2, 8, 30, 120, 300] as const;

const MAX_DUE = 100;
const MAX_ERROR_LENGTH = 500;

const parked = new Counter({
  name: 'engawa_relay_parked_total',
  help: 'Events that a consumer gave up on.',
  labelNames: ['consumer'],
});

/** An event that a consumer has failed on. */
export interface RetryEntry {
  readonly logged: LoggedEvent;
  readonly attempts: number;
}

/** Events whose order a consumer must see kept share this key. */
export function subjectKey(event: DomainEvent): string {
  return `${event.workspace_id} ${event.subject}`;
}

/**
 * Events put aside, per consumer. The first of a subject has a time to be tried again; those behind it have none
 * (`infinity`) until it is done, so a subject's events stay in order even when its first is parked.
 */
@Injectable()
export class RetryQueue {
  private readonly logger = new Logger(RetryQueue.name);

  constructor(
    private readonly db: SystemDatabase,
    private readonly events: Events,
  ) {}

  /** Entries to try now, in log order. */
  async due(consumer: string): Promise<RetryEntry[]> {
    const rows = await this.db.query<EventRow & { attempts: number }>(
      `select r.attempts, ${EVENT_COLUMNS} from event_retries r
        join events e on e.workspace_id = r.workspace_id and e.id = r.event_id
        where r.consumer = $1 and r.parked_at is null and r.run_at <= now()
        order by e.epoch, e.tx, e.seq limit ${MAX_DUE}`,
      [consumer],
    );
    return rows.map((row) => ({ logged: toLogged(row), attempts: row.attempts }));
  }

  /** Which subjects of these events have something waiting before them. */
  async waitingSubjects(consumer: string, events: readonly LoggedEvent[]): Promise<Set<string>> {
    const rows = await this.db.query<{ workspace_id: string; subject: string }>(
      `select distinct r.workspace_id, r.subject from event_retries r
        join unnest($2::uuid[], $3::text[]) as given(workspace_id, subject) using (workspace_id, subject)
        where r.consumer = $1`,
      [consumer, events.map(({ event }) => event.workspace_id), events.map(({ event }) => event.subject)],
    );
    return new Set(rows.map((row) => `${row.workspace_id} ${row.subject}`));
  }

  /** Puts aside what failed for the first time, and what must wait behind it. */
  async putAside(
    consumer: string,
    failed: readonly { readonly logged: LoggedEvent; readonly error: unknown }[],
    behind: readonly LoggedEvent[],
  ): Promise<void> {
    const rows = [
      ...failed.map(({ logged: { event }, error }) => ({ event, attempts: 1, last_error: describe(error) })),
      ...behind.map(({ event }) => ({ event, attempts: 0, last_error: null })),
    ];
    if (rows.length === 0) return;
    for (const { logged, error } of failed) this.warn(consumer, logged, error);
    await this.db.execute(
      `insert into event_retries (consumer, workspace_id, event_id, subject, attempts, last_error, run_at)
        select $1, workspace_id, event_id, subject, attempts, last_error,
          case when attempts = 0 then 'infinity' else now() + make_interval(secs => $7) end
        from unnest($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::text[])
          as aside(workspace_id, event_id, subject, attempts, last_error)
        on conflict on constraint event_retries_pkey do nothing`,
      [
        consumer,
        rows.map(({ event }) => event.workspace_id),
        rows.map(({ event }) => event.id),
        rows.map(({ event }) => event.subject),
        rows.map(({ attempts }) => attempts),
        rows.map(({ last_error }) => last_error),
        RETRY_DELAYS_S[0],
      ],
    );
  }

  /** An entry was worked off: those behind it are due. */
  async succeed(consumer: string, { event }: LoggedEvent): Promise<void> {
    await this.db.execute('delete from event_retries where workspace_id = $1 and consumer = $2 and event_id = $3', [
      event.workspace_id,
      consumer,
      event.id,
    ]);
    await this.db.execute(
      `update event_retries set run_at = now()
        where consumer = $1 and workspace_id = $2 and subject = $3 and parked_at is null and run_at = 'infinity'`,
      [consumer, event.workspace_id, event.subject],
    );
  }

  /** An entry failed again: later, or parked; those behind it wait on. */
  async fail(consumer: string, { logged, attempts }: RetryEntry, error: unknown): Promise<void> {
    const { event, depth } = logged;
    const delay_s = RETRY_DELAYS_S[attempts];
    this.warn(consumer, logged, error);
    await this.db.execute(
      `update event_retries set attempts = attempts + 1, last_error = $4,
          run_at = case when $5::int is null then run_at else now() + make_interval(secs => $5::int) end,
          parked_at = case when $5::int is null then now() end
        where workspace_id = $1 and consumer = $2 and event_id = $3`,
      [event.workspace_id, consumer, event.id, describe(error), delay_s ?? null],
    );
    await this.db.execute(
      `update event_retries set run_at = 'infinity'
        where consumer = $1 and workspace_id = $2 and subject = $3 and event_id <> $4 and parked_at is null`,
      [consumer, event.workspace_id, event.subject, event.id],
    );
    if (delay_s !== undefined) return;
    await this.db.inWorkspace(systemPrincipal(event.workspace_id), { via: 'system', depth: depth + 1 }, async () => {
      const data = { id: event.id, consumer, type: event.type, subject: event.subject, attempts: attempts + 1 };
      this.events.publish('consumer.parked', { subject_id: event.id, data });
    });
    this.db.afterCommit(() => parked.inc({ consumer }));
  }

  /** Lets everything parked of a consumer be tried again, each subject in its order. @returns how many were parked. */
  replayParked(consumer: string): Promise<number> {
    return this.db.execute(
      `update event_retries set parked_at = null, attempts = 0, run_at = now()
        where consumer = $1 and parked_at is not null`,
      [consumer],
    );
  }

  private warn(consumer: string, { event }: LoggedEvent, error: unknown): void {
    this.logger.warn(`consumer ${consumer} failed on ${event.type} ${event.id}: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\0', '').slice(0, MAX_ERROR_LENGTH);
}
