import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Actor, DomainEvent, EventType, Via } from '../../contracts/events.js';
import { Database } from '../database/database.js';
import { SystemDatabase } from '../database/system-database.js';
import { laterOf, type Position } from './log-position.js';

/** An event with its place in the log. */
export interface LoggedEvent {
  readonly event: DomainEvent;
  readonly position: Position;
  /** Automatic reactions between the first cause and this event. */
  readonly depth: number;
}

/** What one read found. */
export interface LogPage {
  readonly events: readonly LoggedEvent[];
  /** Where the next read begins; everything before it is settled for ever. */
  readonly next: Position;
  /** Nothing readable is left after `next`. */
  readonly is_complete: boolean;
  /** Committed rows wait for an older writer: read again soon, for its end sends no signal. */
  readonly is_held: boolean;
}

/** Which events to read; left out: all. */
export interface LogFilter {
  readonly workspaces?: readonly string[];
  readonly types?: readonly string[];
  readonly except?: readonly string[];
}

/** Which events of one workspace to read. */
export interface FeedFilter {
  readonly types?: readonly string[];
  readonly subject?: { readonly type: string; readonly id: string };
}

/** Columns of `events` that a DomainEvent is made of. */
export const EVENT_COLUMNS = `e.id, e.workspace_id, e.type, e.subject_type, e.subject_id, e.actor_type, e.actor_id, e.actor_name,
  e.via, e.depth, e.request_id, e.data, e.changes, e.is_truncated, e.time, e.epoch, e.tx::text as tx, e.seq::text as seq`;

/** A row of EVENT_COLUMNS. */
export interface EventRow {
  readonly id: string;
  readonly workspace_id: string;
  readonly type: string;
  readonly subject_type: string;
  readonly subject_id: string;
  readonly actor_type: Actor['type'];
  readonly actor_id: string | null;
  readonly actor_name: string | null;
  readonly via: Via;
  readonly depth: number;
  readonly request_id: string | null;
  readonly data: Record<string, unknown> | null;
  readonly changes: DomainEvent['changes'] | null;
  readonly is_truncated: boolean;
  readonly time: string;
  readonly epoch: number;
  readonly tx: string;
  readonly seq: string;
}

/** What every page says besides its events; `id` is null in the only row of an empty page. */
interface PageRow extends Partial<EventRow> {
  readonly horizon: string;
  readonly is_held: boolean;
  readonly total: number | null;
}

/** A read ends after the event that reaches this size of (compressed) payload. */
const MAX_PAGE_BYTES = 2_097_152;
const DAY_MS = 86_400_000;

const pageOf = (source: string, epoch: string) => `
  select h.horizon::text as horizon, (select app.log_is_held(${epoch})) as is_held, e.total, ${EVENT_COLUMNS}
  from (select pg_snapshot_xmin(pg_current_snapshot()) as horizon) h
  left join lateral (
    select f.*, count(*) over () as total,
      sum(f.size) over (order by f.epoch, f.tx, f.seq rows unbounded preceding) as bytes
    from (select r.*, coalesce(pg_column_size(r.data), 0) + coalesce(pg_column_size(r.changes), 0) as size from ${source} r) f
  ) e on e.bytes - e.size <= ${MAX_PAGE_BYTES}
  order by e.epoch, e.tx, e.seq`;

const READ_LOG = pageOf(
  'app.log_after($1::int, $2::xid8, $3::bigint, $4::int, $5::uuid[], $6::text[], $7::text[], $8::int)',
  '$4::int',
);
const READ_FEED = pageOf(
  'app.feed_after($1::int, $2::xid8, $3::bigint, $4::int, $5::text[], $6::text, $7::uuid, $8::int)',
  '$4::int',
);

/**
 * Commits come out of the order in which numbers were drawn, so a reader that remembers the highest number it saw skips
 * whatever commits late. Here a position is `(epoch, tx, seq)`, and a reader takes only rows whose transaction id is below
 * the oldest one still open (`pg_snapshot_xmin`): no row can ever appear before a position that has been read. The epoch
 * counts the servers the log has lived on, because a restored dump starts with small transaction ids again. The price: a
 * writing transaction that stays open holds the log back for all readers.
 */
@Injectable()
export class LogReader implements OnModuleInit, OnModuleDestroy {
  private epoch: Promise<number> | undefined;
  private upkeep: NodeJS.Timeout | undefined;

  constructor(
    private readonly system: SystemDatabase,
    private readonly db: Database,
  ) {}

  /** Enters the epoch of this server, before anything is written, and sees to the partitions of the coming months. */
  async onModuleInit(): Promise<void> {
    await this.currentEpoch();
    await this.makePartitions();
    this.upkeep = setInterval(() => {
      this.makePartitions().catch(() => undefined);
    }, DAY_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.upkeep);
  }

  currentEpoch(): Promise<number> {
    this.epoch ??= this.system
      .query<{ epoch: number }>('select app.enter_epoch() as epoch')
      .then(([row]) => row?.epoch ?? 1);
    return this.epoch;
  }

  /** Where the readable part of the log ends at this moment. */
  async horizon(): Promise<Position> {
    const epoch = await this.currentEpoch();
    const [row] = await this.system.query<{ tx: string }>('select pg_snapshot_xmin(pg_current_snapshot())::text as tx');
    return { epoch, tx: row?.tx ?? '0', seq: '0' };
  }

  /** Events of all workspaces after a position, in log order. For the staff. */
  async after(position: Position, filter: LogFilter, limit: number): Promise<LogPage> {
    const epoch = await this.currentEpoch();
    const { workspaces = null, types = null, except = [] } = filter;
    const values = [position.epoch, position.tx, position.seq, epoch, workspaces, types, except, limit];
    return toPage(await this.system.query<PageRow>(READ_LOG, values), position, epoch, limit);
  }

  /** Events of the caller's workspace after a position, in log order. Needs an open transaction. */
  async feedAfter(position: Position, filter: FeedFilter, limit: number): Promise<LogPage> {
    const epoch = await this.currentEpoch();
    const { types = null, subject } = filter;
    const bounds = [position.epoch, position.tx, position.seq, epoch];
    const values = [...bounds, types, subject?.type ?? null, subject?.id ?? null, limit];
    return toPage(await this.db.query<PageRow>(READ_FEED, values), position, epoch, limit);
  }

  /** The last readable event of the caller's workspace. Needs an open transaction. */
  async feedHead(): Promise<LoggedEvent | undefined> {
    const [row] = await this.db.query<EventRow>(`select ${EVENT_COLUMNS} from app.feed_head($1::int) e`, [
      await this.currentEpoch(),
    ]);
    return row && toLogged(row);
  }

  /** The place of an event of the caller's workspace. Needs an open transaction. */
  async positionOf(id: string): Promise<Position | undefined> {
    const [row] = await this.db.query<Position & { seq: string }>(
      'select epoch, tx::text as tx, seq::text as seq from events where id = $1',
      [id],
    );
    return row;
  }

  /** The oldest event that the caller's workspace still has. Needs an open transaction. */
  async oldestId(): Promise<string | undefined> {
    const [row] = await this.db.query<{ id: string }>('select id from events order by workspace_id, id limit 1');
    return row?.id;
  }

  private async makePartitions(): Promise<void> {
    await this.system.query('select app.make_event_partitions()');
  }
}

/** The one rendering of a row, for REST, streams, webhooks and consumers alike. */
export function renderEvent(row: EventRow): DomainEvent {
  return {
    id: row.id,
    type: row.type as EventType,
    time: row.time,
    workspace_id: row.workspace_id,
    subject: `${row.subject_type}/${row.subject_id}`,
    actor: { type: row.actor_type, id: row.actor_id, name: row.actor_name ?? '' },
    via: row.via,
    request_id: row.request_id,
    data: row.data ?? {},
    changes: row.changes ?? {},
    ...(row.is_truncated && { is_truncated: true }),
  };
}

export function toLogged(row: EventRow): LoggedEvent {
  const position = { epoch: row.epoch, tx: row.tx, seq: row.seq };
  return { event: renderEvent(row), position, depth: row.depth };
}

function toPage(rows: readonly PageRow[], after: Position, epoch: number, limit: number): LogPage {
  const [first] = rows;
  const events = rows.filter((row): row is PageRow & EventRow => row.id != null).map(toLogged);
  const is_complete = events.length < limit && events.length === (first?.total ?? 0);
  const last = events.at(-1)?.position ?? after;
  const settled = is_complete && first ? laterOf(last, { epoch, tx: first.horizon, seq: '0' }) : last;
  return { events, next: settled, is_complete, is_held: first?.is_held ?? false };
}
