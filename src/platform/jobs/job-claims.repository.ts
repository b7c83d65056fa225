import { Injectable } from '@nestjs/common';
import { SystemDatabase } from '../database/system-database.js';
import type { Lease, LeasedJob } from './job.js';
import { BY_INDEX, GIVE_BACK, giveBackValues, leaseColumns, retryTwins, type Unfinished } from './job-statements.js';

/** A lane is known by workspace, kind and name. */
export interface Lane {
  readonly workspace_id: string;
  readonly kind: string;
  readonly lane: string;
}

/** What a process may take, all of it counted in slots. */
export interface ClaimRequest {
  readonly lease_ms: number;
  readonly leased_by: string;
  /** Slots free. */
  readonly room: number;
  readonly max_rows: number;
  readonly max_lanes: number;
  readonly workspace_slots: number;
  /** What a job of each kind takes of a slot, and what a lane of it may hold. */
  readonly kinds: readonly { readonly kind: string; readonly cost: number; readonly lane_slots: number }[];
  readonly held_lanes: readonly (Lane & { readonly used: number })[];
  readonly held_workspaces: readonly { readonly workspace_id: string; readonly used: number }[];
  /** Workspaces without room for the cheapest job; the walk leaps over them. */
  readonly full_workspaces: readonly string[];
  /** The lane behind which the walk starts. */
  readonly behind: Lane | null;
}

export interface ClaimAnswer {
  readonly jobs: LeasedJob[];
  /** The last lane that the walk came to; null when nothing is ready. */
  readonly behind: Lane | null;
}

/**
 * The walk is a skip scan ("loose index scan"): from each lane one look-up finds the next, so lanes are visited at the price
 * of their number and not of their rows. It starts behind the lane served last, turns round at the end of the index once,
 * and leaps over whole kinds that nobody here handles and whole workspaces that have their share. Every number is in slots.
 */
export const CLAIM = `
with recursive walk(workspace_id, kind, lane, found, visited, is_round, is_usable) as (
  select $15::uuid, $16::text collate "C", $17::text collate "C", 0, 0, false, false
  union all
  select n.workspace_id, n.kind,
    case when n.is_usable then n.lane else U&'\\+10FFFF' end,
    w.found + n.is_usable::integer, w.visited + 1, w.is_round or n.is_round, n.is_usable
  from walk w cross join lateral (
    select f.*, f.kind = any($1::text[]) and not f.workspace_id = any($10::uuid[]) as is_usable from (
      (select j.workspace_id, case when j.workspace_id = any($10::uuid[]) then U&'\\+10FFFF' else j.kind end as kind, j.lane, false as is_round
        from jobs j where j.state = 'ready' and (j.workspace_id, j.kind, j.lane) > (w.workspace_id, w.kind, w.lane)
        order by j.workspace_id, j.kind, j.lane limit 1)
      union all
      (select j.workspace_id, case when j.workspace_id = any($10::uuid[]) then U&'\\+10FFFF' else j.kind end as kind, j.lane, true
        from jobs j where j.state = 'ready' and not w.is_round
        order by j.workspace_id, j.kind, j.lane limit 1)
      limit 1
    ) f
  ) n
  where w.found < $13 and w.visited < 1000
    and (not (w.is_round or n.is_round) or (n.workspace_id, n.kind, n.lane) <= ($15::uuid, $16::text, $17::text))
), pairs as (
  select w.workspace_id, w.kind, w.lane, w.visited, k.cost, k.lane_slots - coalesce(l.used, 0) as lane_room,
    $9::float8 - coalesce(s.used, 0) as workspace_room, count(*) over () as lanes
  from walk w
  join unnest($1::text[], $2::float8[], $3::float8[]) as k(kind, cost, lane_slots) on k.kind = w.kind
  left join unnest($4::uuid[], $5::text[], $6::text[], $7::float8[]) as l(workspace_id, kind, lane, used)
    on l.workspace_id = w.workspace_id and l.kind = w.kind and l.lane = w.lane
  left join unnest($8::uuid[], $14::float8[]) as s(workspace_id, used) on s.workspace_id = w.workspace_id
  where w.is_usable and k.lane_slots - coalesce(l.used, 0) + 0.000001 >= k.cost
), taken as (
  select t.workspace_id, t.id, t.run_at, p.kind, p.lane, p.visited, p.cost, p.workspace_room
  from pairs p cross join lateral (
    select j.workspace_id, j.id, j.run_at from jobs j
    where j.state = 'ready' and j.workspace_id = p.workspace_id and j.kind = p.kind and j.lane = p.lane
      and (j.key is null or not exists (select from jobs r where r.workspace_id = j.workspace_id and r.kind = j.kind
        and r.key = j.key and r.key is not null and r.state = 'leased'))
    order by j.run_at, j.id
    limit least(floor((p.lane_room + 0.000001) / p.cost), ceil($11::float8 / p.lanes / p.cost), $12::integer)
    for update of j skip locked
  ) t
), ranked as (
  select t.*, row_number() over (partition by t.kind, t.lane, t.workspace_id order by t.run_at, t.id) as place from taken t
), shared as (
  select r.*, sum(r.cost) over (order by r.place, r.visited) as used, row_number() over (order by r.place, r.visited) as rank,
    sum(r.cost) over (partition by r.workspace_id order by r.place, r.visited) as workspace_used
  from ranked r
), leased as (
  update jobs j set state = 'leased', token = j.token + 1, attempt = j.attempt + 1, leased_by = $18::text,
    lease_until = now() + $19::float8 * interval '1 millisecond'
  from shared c
  where j.workspace_id = c.workspace_id and j.id = c.id and c.rank <= $12::integer
    and c.used <= $11::float8 + 0.000001 and c.workspace_used <= c.workspace_room + 0.000001
  returning j.workspace_id, j.id, j.kind, j.lane, j.key, j.payload, j.actor, j.via, j.depth, j.request_id, j.attempt, j.max_attempts,
    j.token, c.rank
)
select l.*, w.workspace_id as at_workspace, w.kind as at_kind, w.lane as at_lane
from (select workspace_id, kind, lane from walk where visited > 0 order by visited desc limit 1) w
left join leased l on true
order by l.rank`;

const PROMOTE = `
with due as (
  select workspace_id, id from jobs where state = 'waiting' and (run_at <= now() or $1::boolean)
  order by run_at limit 1000 for update skip locked
), promoted as (
  update jobs j set state = 'ready' from due d where j.workspace_id = d.workspace_id and j.id = d.id returning 1
)
select (select count(*) from promoted) as promoted,
  (select extract(epoch from run_at - now())::float8 * 1000 from jobs
    where state = 'waiting' and run_at > now() order by run_at limit 1) as next_ms`;

/** The table of jobs as seen by the workers, above workspaces. */
@Injectable()
export class JobClaimsRepository {
  constructor(private readonly system: SystemDatabase) {}

  /** Moves up to 1,000 due jobs to the claim index; also says in how many milliseconds the next one falls due. */
  async promote(ignore_time = false): Promise<{ promoted: number; next_ms: number | null }> {
    const [row] = await this.byIndex<{ promoted: number; next_ms: number | null }>(PROMOTE, [ignore_time]);
    return row ?? { promoted: 0, next_ms: null };
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    type Row = LeasedJob & { at_workspace: string; at_kind: string; at_lane: string };
    const rows = await retryTwins(() => this.byIndex<Row>(CLAIM, claimValues(request)));
    const [first] = rows;
    return {
      jobs: rows.filter((row) => row.id !== null),
      behind: first ? { workspace_id: first.at_workspace, kind: first.at_kind, lane: first.at_lane } : null,
    };
  }

  /** Extends leases. What does not come back is lost; what comes back with `true` was told to stop. */
  async extend(leases: readonly Lease[], lease_ms: number): Promise<ReadonlyMap<string, boolean>> {
    const rows = await this.byIndex<{ id: string; is_cancelled: boolean }>(
      `update jobs j set lease_until = now() + $4::float8 * interval '1 millisecond'
       from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as h(workspace_id, id, token)
       where j.workspace_id = h.workspace_id and j.id = h.id and j.token = h.token and j.state = 'leased'
       returning j.id, j.cancelled_at is not null as is_cancelled`,
      [...leaseColumns(leases), lease_ms],
    );
    return new Map(rows.map((row) => [row.id, row.is_cancelled]));
  }

  /** Removes finished jobs; the ids of those whose lease still stood. */
  async finish(leases: readonly Lease[]): Promise<ReadonlySet<string>> {
    const rows = await this.byIndex<{ id: string }>(
      `delete from jobs j using unnest($1::uuid[], $2::uuid[], $3::bigint[]) as h(workspace_id, id, token)
       where j.workspace_id = h.workspace_id and j.id = h.id and j.token = h.token and j.state = 'leased' returning j.id`,
      leaseColumns(leases),
    );
    return new Set(rows.map((row) => row.id));
  }

  /** Gives leases back; the ids of those that still stood. With `only_expired` a lease that was extended meanwhile stays. */
  async giveBack(ends: readonly Unfinished[], only_expired = false): Promise<ReadonlySet<string>> {
    const rows = await retryTwins(() => this.byIndex<{ id: string }>(GIVE_BACK, giveBackValues(ends, only_expired)));
    return new Set(rows.map((row) => row.id));
  }

  /** Leases that ran out: their worker was killed, hangs, or lost the database. */
  expired(): Promise<LeasedJob[]> {
    return this.byIndex<LeasedJob>(
      `select workspace_id, id, kind, lane, key, payload, actor, via, depth, request_id, attempt, max_attempts, token
       from jobs where state = 'leased' and lease_until < now() order by lease_until limit 500`,
      [],
    );
  }

  /** How many jobs of each kind stand where, over all workspaces. */
  depths(): Promise<{ kind: string; state: string; jobs: number; oldest_ready_s: number | null }[]> {
    return this.system.query(
      `select kind, state, count(*) as jobs,
         (extract(epoch from now() - min(run_at) filter (where state = 'ready')))::float8 as oldest_ready_s
       from jobs group by kind, state`,
    );
  }

  /** Parked jobs that nobody looked after for 30 days. */
  longParked(limit: number): Promise<{ workspace_id: string; id: string }[]> {
    return this.system.query(
      `select workspace_id, id from jobs where state = 'parked' and parked_at < now() - interval '30 days'
       order by parked_at limit $1`,
      [limit],
    );
  }

  private async byIndex<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    return this.system.transaction(async () => {
      const [, rows] = await Promise.all([
        this.system.query(BY_INDEX.text, BY_INDEX.values),
        this.system.query<Row>(text, values),
      ]);
      return rows;
    });
  }
}

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** The parameters of the claim, in order. */
export function claimValues(request: ClaimRequest): unknown[] {
  const { kinds, held_lanes: lanes, held_workspaces: workspaces, behind } = request;
  return [
    kinds.map((row) => row.kind),
    kinds.map((row) => row.cost),
    kinds.map((row) => row.lane_slots),
    lanes.map((row) => row.workspace_id),
    lanes.map((row) => row.kind),
    lanes.map((row) => row.lane),
    lanes.map((row) => row.used),
    workspaces.map((row) => row.workspace_id),
    request.workspace_slots,
    request.full_workspaces,
    request.room,
    request.max_rows,
    request.max_lanes,
    workspaces.map((row) => row.used),
    behind?.workspace_id ?? NIL_UUID,
    behind?.kind ?? '',
    behind?.lane ?? '',
    request.leased_by,
    request.lease_ms,
  ];
}
