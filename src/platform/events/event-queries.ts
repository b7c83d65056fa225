import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { DomainEvent } from '../../contracts/events.js';
import { Context } from '../context/context.js';
import { Database } from '../database/database.js';
import { ListQuery } from '../database/list-query.js';
import { Invalid, NotFound } from '../errors/contract-problems.js';
import { didYouMean } from '../errors/nearest-name.js';
import type { FieldMistake } from '../errors/problem.js';
import { type ListSpec, type Page, readListQuery } from '../http/listing.js';
import { permitted, readableTypes, readSubject, readTypes } from './event-filter.js';
import { PositionGone } from './events.errors.js';
import type { StreamStart } from './event-stream.js';
import { LOG_START, type Position } from './log-position.js';
import { EVENT_COLUMNS, type EventRow, LogReader, renderEvent } from './log-reader.js';

/** A page of the pull feed. */
export interface FeedPage {
  readonly items: readonly DomainEvent[];
  /** To be kept by the client and given as `after` next time. */
  readonly next_after: string | null;
  readonly has_more: boolean;
}

type Query = Readonly<Record<string, unknown>>;

/** Filters of the list of events, newest first. */
export const eventList: ListSpec = {
  filters: {
    type: { kind: 'text', description: 'Type, such as contact.created.', operators: ['eq', 'in'] },
    subject: {
      kind: 'text',
      description: 'What the event happened to: <noun>/<id>.',
      sql: (param) =>
        `(subject_type = split_part(${param}, '/', 1) and subject_id = split_part(${param}, '/', 2)::uuid)`,
    },
    actor: {
      kind: 'uuid',
      description: 'Id of the key or person that caused it.',
      column: 'actor_id',
      operators: ['eq'],
    },
    via: { kind: 'text', description: 'The way in: rest, mcp, ingest ...', operators: ['eq', 'in'] },
    request_id: { kind: 'text', description: 'The request that caused it.', operators: ['eq'] },
    time: { kind: 'timestamp', description: 'When it happened.', operators: ['gt', 'gte', 'lt', 'lte'] },
  },
  sorts: { time: { column: 'id', type: 'uuid' } },
  default_sort: '-time',
};

const FEED_PARAMETERS = ['after', 'limit', 'type', 'type.in', 'subject'];
const FEED_LIMIT = 500;

/** Reading the log over HTTP: as a list, as a feed, one by one. */
@Injectable()
export class EventQueries {
  constructor(
    private readonly db: Database,
    private readonly log: LogReader,
    private readonly context: Context,
  ) {}

  /** Newest first, or with `after` the pull feed. */
  find(query: Query): Promise<Page<DomainEvent> | FeedPage> {
    return query['after'] === undefined ? this.list(query) : this.feed(query);
  }

  /** @throws {NotFound} also for an event whose type the caller may not read. */
  async get(id: string): Promise<DomainEvent> {
    const [row] = isUUID(id)
      ? await this.db.readRows<EventRow>(
          `select ${EVENT_COLUMNS} from events e where e.id = $1 and e.type = any($2::text[])`,
          [id, readableTypes(this.context.principal())],
        )
      : [];
    if (!row) throw new NotFound('event');
    return renderEvent(row);
  }

  /** Where a stream begins, from what the client says it saw last. */
  streamStart(last_event_id: string | undefined): Promise<StreamStart> {
    if (last_event_id === undefined || last_event_id === '') return Promise.resolve({ at: 'now' });
    return this.db.read(async () => {
      const found = await this.locate(last_event_id, 'Last-Event-ID');
      if ('oldest_id' in found) return { at: 'oldest', oldest_id: found.oldest_id };
      return { at: 'after', id: last_event_id, position: found };
    });
  }

  private async list(query: Query): Promise<Page<DomainEvent>> {
    const request = readListQuery(eventList, query);
    const mistakes: FieldMistake[] = [];
    const types = readTypes(one(query['type.in']) ?? one(query['type']), '?type', mistakes);
    readSubject(one(query['subject']), '?subject', mistakes);
    if (mistakes.length > 0) throw new Invalid(mistakes);
    const isNamed = query['type'] !== undefined || query['type.in'] !== undefined;
    const principal = this.context.principal();
    const readable = isNamed ? [...permitted(types, principal)] : readableTypes(principal);
    const others = { ...request, filters: request.filters.filter(({ column }) => column !== 'type') };
    const list = new ListQuery({ table: 'events e', columns: EVENT_COLUMNS }, others, false);
    list.and('type = any(?::text[])', readable);
    for (const { column, operator, value } of request.filters) {
      // Ids begin with their time: months that cannot match are not opened. A day is left for skewed clocks.
      if (column === 'time' && operator.startsWith('g'))
        list.and("id >= app.uuidv7_floor(greatest(?::timestamptz - interval '1 day', 'epoch'))", value);
      if (column === 'time' && operator.startsWith('l'))
        list.and("id < app.uuidv7_floor(greatest(?::timestamptz + interval '1 day', 'epoch'))", value);
    }
    const page = await list.read<EventRow>(this.db);
    return { ...page, items: page.items.map(renderEvent) };
  }

  private async feed(query: Query): Promise<FeedPage> {
    const mistakes: FieldMistake[] = [];
    for (const name of Object.keys(query)) {
      if (FEED_PARAMETERS.includes(name)) continue;
      const hint = didYouMean(name, FEED_PARAMETERS);
      mistakes.push({
        pointer: `?${name.slice(0, 100)}`,
        detail: `${name.slice(0, 64)} does not go with after. ${hint}`,
      });
    }
    const types = readTypes(one(query['type.in']) ?? one(query['type']), '?type', mistakes);
    const subject = readSubject(one(query['subject']), '?subject', mistakes);
    const limit = one(query['limit']) ?? '50';
    if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > FEED_LIMIT)
      mistakes.push({ pointer: '?limit', detail: `limit must be from 1 to ${FEED_LIMIT}.` });
    if (mistakes.length > 0) throw new Invalid(mistakes);
    const filter = { types: [...permitted(types, this.context.principal())], ...(subject && { subject }) };
    const after = one(query['after']) ?? '';
    return this.db.snapshot(async () => {
      const from = after === 'start' ? LOG_START : await this.locate(after, '?after');
      if ('oldest_id' in from) throw new PositionGone(from.oldest_id);
      const page = await this.log.feedAfter(from, filter, Number(limit));
      const items = page.events.map(({ event }) => event);
      // Whoever has read everything that matches goes on after the last event there is, not after the last that matched.
      const head = page.is_complete ? await this.log.feedHead() : undefined;
      const next = head?.event.id ?? items.at(-1)?.id ?? (after === 'start' ? null : after);
      return { items, next_after: next, has_more: !page.is_complete };
    });
  }

  /** Where an event stands, or the oldest that is left when it is older. @throws {Invalid} for an id that never was. */
  private async locate(id: string, pointer: string): Promise<Position | { oldest_id: string }> {
    const position = isUUID(id) ? await this.log.positionOf(id) : undefined;
    if (position) return position;
    const oldest_id = isUUID(id, 7) ? await this.log.oldestId() : undefined;
    if (oldest_id !== undefined && id.toLowerCase() < oldest_id) return { oldest_id };
    throw new Invalid([{ pointer, detail: 'This is no event of this workspace. Use an id that came from its log.' }]);
  }
}

function one(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
