import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Via } from '../../contracts/events.js';
import { Database } from '../database/database.js';
import type { CommitWriter } from '../database/scope.js';
import type { Statement } from '../database/statement.js';
import type { Lease } from './job.js';
import { BY_INDEX, GIVE_BACK, giveBackValues, PARK, type Unfinished } from './job-statements.js';

export interface NewJob {
  readonly kind: string;
  readonly lane: string;
  readonly key: string | null;
  /** JSON. */
  readonly payload: string;
  readonly run_at: string | null;
  readonly after_ms: number | null;
  readonly max_attempts: number;
}

/** Who asks for jobs, in which request. */
export interface JobOrigin {
  /** JSON. */
  readonly actor: string;
  readonly via: Via;
  readonly depth: number;
  readonly request_id: string;
}

interface Row extends NewJob, JobOrigin {
  readonly id: string;
}

const INSERT = `
insert into jobs (id, kind, lane, key, payload, actor, via, depth, request_id, max_attempts, run_at, state)
select n.id, n.kind, n.lane, n.key, n.payload, n.actor, n.via, n.depth, n.request_id, n.max_attempts, n.due,
  case when n.due <= now() then 'ready' else 'waiting' end
from (
  select *, coalesce(now() + u.after_ms * interval '1 millisecond', u.run_at, now()) as due
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[], $7::text[], $8::smallint[], $9::text[],
    $10::integer[], $11::timestamptz[], $12::float8[])
    as u(id, kind, lane, key, payload, actor, via, depth, request_id, max_attempts, run_at, after_ms)
) n`;

/** A job of the key that has not started yet keeps its row, the earlier time and the newer errand. */
const INSERT_KEYED = `${INSERT} order by n.key
on conflict (workspace_id, kind, key) where key is not null and state in ('waiting', 'ready')
do update set run_at = least(jobs.run_at, excluded.run_at), payload = excluded.payload, actor = excluded.actor,
  via = excluded.via, depth = excluded.depth, request_id = excluded.request_id,
  state = case when least(jobs.run_at, excluded.run_at) <= now() then 'ready' else 'waiting' end
returning id, key`;

/** Jobs without a key need no answer, so they are written in the round trip of COMMIT. */
const commitWriter: CommitWriter<Row> = {
  statements: (rows): Statement[] => [{ text: INSERT, values: columns(rows) }],
};

/** The table of jobs as seen from one workspace. */
@Injectable()
export class JobsRepository {
  constructor(private readonly db: Database) {}

  /** Writes jobs of one kind into the open transaction; their ids, in order. */
  async enqueue(items: readonly NewJob[], origin: JobOrigin): Promise<string[]> {
    const keyed = new Map<string, Row>();
    const ids: (string | null)[] = [];
    const free: Row[] = [];
    for (const item of items) {
      const row: Row = { ...item, ...origin, id: uuidv7() };
      ids.push(item.key === null ? row.id : null);
      if (item.key === null) free.push(row);
      else keyed.set(item.key, { ...row, ...earlier(keyed.get(item.key), row) });
    }
    if (free.length > 0) this.db.atCommit(commitWriter, ...free);
    if (keyed.size === 0) return ids as string[];
    const written = await this.db.query<{ id: string; key: string }>(INSERT_KEYED, columns([...keyed.values()]));
    const byKey = new Map(written.map((row) => [row.key, row.id]));
    return ids.map((id, index) => id ?? byKey.get(items[index]?.key ?? '') ?? '');
  }

  /** Removes a finished job; false when the lease is lost. Last statement of the transaction with the result. */
  async complete(lease: Lease): Promise<boolean> {
    const [, removed] = await this.db.queryAll([
      BY_INDEX,
      {
        text: `delete from jobs where id = $1 and token = $2 and state = 'leased' returning id`,
        values: [lease.id, lease.token],
      },
    ]);
    return (removed?.length ?? 0) > 0;
  }

  /** Sets a job aside; `gone` when the lease is lost. One that was told to stop is removed instead. */
  async park(lease: Lease, error: string, only_expired = false): Promise<'parked' | 'deleted' | 'gone'> {
    const [, rows] = await this.db.queryAll([
      BY_INDEX,
      { text: PARK, values: [lease.id, lease.token, error, only_expired] },
    ]);
    if (!rows?.[0]) return 'gone';
    return rows[0]['is_parked'] === true ? 'parked' : 'deleted';
  }

  /** Gives a lease back in the open transaction; false when it is lost. */
  async giveBack(end: Unfinished): Promise<boolean> {
    const [, rows] = await this.db.queryAll([BY_INDEX, { text: GIVE_BACK, values: giveBackValues([end], false) }]);
    return (rows?.length ?? 0) > 0;
  }
}

/** Of two errands of one key the later payload at the earlier time, which the database computes when they cannot be compared. */
function earlier(first: Row | undefined, second: Row): Pick<NewJob, 'run_at' | 'after_ms'> {
  if (!first) return second;
  const isNow = (row: Row) => row.after_ms === null && row.run_at === null;
  if (isNow(first)) return first;
  if (isNow(second)) return second;
  if (first.after_ms !== null && second.after_ms !== null) return first.after_ms < second.after_ms ? first : second;
  if (first.run_at !== null && second.run_at !== null) return first.run_at < second.run_at ? first : second;
  return { after_ms: null, run_at: null };
}

function columns(rows: readonly Row[]): unknown[] {
  const column = <Key extends keyof Row>(name: Key) => rows.map((row) => row[name]);
  return [
    column('id'),
    column('kind'),
    column('lane'),
    column('key'),
    column('payload'),
    column('actor'),
    column('via'),
    column('depth'),
    column('request_id'),
    column('max_attempts'),
    column('run_at'),
    column('after_ms'),
  ];
}
