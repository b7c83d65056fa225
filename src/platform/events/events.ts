import { Injectable } from '@nestjs/common';
import type { EventType } from '../../contracts/events.js';
import { Context, type RequestContext } from '../context/context.js';
import { Database } from '../database/database.js';
import type { CommitWriter } from '../database/scope.js';
import type { Statement } from '../database/statement.js';
import { type EventRecord, type PublishedEvent, recordEvent } from './event-record.js';
import { LiveSignals } from './live-signals.js';

interface Publication {
  readonly context: RequestContext;
  readonly record: EventRecord;
}

const INSERT_EVENTS = `insert into events (id, type, subject_type, subject_id, data, changes, is_truncated,
    actor_type, actor_id, actor_name, api_key_id, via, depth, request_id, ip, user_agent)
  select id, type, subject_type, subject_id, data, changes, is_truncated, $2, $3, $4, $5, $6, $7, $8, $9, $10
  from jsonb_to_recordset($1::jsonb) as event(id uuid, type text, subject_type text, subject_id uuid, data jsonb,
    changes jsonb, is_truncated boolean)`;

const INSERT_SUBJECTS = `insert into event_subjects (subject_id, event_id)
  select subject_id, event_id from unnest($1::uuid[], $2::uuid[]) as about(subject_id, event_id)`;

const MAX_USER_AGENT_LENGTH = 512;

/**
 * A change and its evidence must commit together or not at all, and the evidence should cost little. So publishing only
 * writes the event down; all events of a transaction go to the log in one statement, in the round trip of its COMMIT.
 * Who, where from and on whose behalf comes from the request context, so that every way in leaves the same trace.
 */
@Injectable()
export class Events {
  private readonly writer: CommitWriter<Publication> = { statements: writeAll };
  private readonly wake = () => this.live.signal('log');

  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly live: LiveSignals,
  ) {}

  /** @throws {Error} outside a transaction, or before anybody is authenticated. */
  publish(type: EventType, event: PublishedEvent): void {
    this.publishMany(type, [event]);
  }

  /** Publishes one event for each change of a batch, in their order. */
  publishMany(type: EventType, events: readonly PublishedEvent[]): void {
    const context = this.context.current();
    this.context.principal();
    this.db.afterCommit(this.wake);
    this.db.atCommit(this.writer, ...events.map((event) => ({ context, record: recordEvent(type, event) })));
  }
}

function writeAll(publications: readonly Publication[]): readonly Statement[] {
  const byContext = new Map<RequestContext, Publication[]>();
  for (const publication of publications) {
    const some = byContext.get(publication.context);
    if (some) some.push(publication);
    else byContext.set(publication.context, [publication]);
  }
  const statements = [...byContext].map(([context, some]) => insertEvents(context, some));
  const about = publications.flatMap(({ record }) => record.about.map((subject) => [subject, record.id] as const));
  if (about.length === 0) return statements;
  const values = [about.map(([subject]) => subject), about.map(([, event]) => event)];
  return [...statements, { text: INSERT_SUBJECTS, values }];
}

function insertEvents(context: RequestContext, publications: readonly Publication[]): Statement {
  const { principal, via, depth, request_id, ip, user_agent } = context;
  const rows = `[${publications.map(({ record }) => record.json).join(',')}]`;
  const actor = [principal?.type, principal?.id ?? null, principal?.name ?? null, principal?.api_key_id ?? null];
  const origin = [via, depth, request_id, ip, user_agent?.slice(0, MAX_USER_AGENT_LENGTH) ?? null];
  return { text: INSERT_EVENTS, values: [rows, ...actor, ...origin] };
}
