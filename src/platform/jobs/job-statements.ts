import { violatedConstraint } from '../database/constraints.js';
import type { Statement } from '../database/statement.js';
import type { Lease } from './job.js';

/** A run that did not finish its job. */
export interface Unfinished extends Lease {
  /** Null: at once, at its old place. */
  readonly after_ms: number | null;
  readonly counted: boolean;
  readonly error: string | null;
}

/** A plan made while the table was small must not scan it when it is large: the rest of the transaction uses indices. */
export const BY_INDEX: Statement = {
  text: `select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`,
  values: [],
};

/** Sets a job aside, or removes one that was told to stop. */
export const PARK = `
with mine as (
  select workspace_id, id, cancelled_at from jobs
  where id = $1 and token = $2 and state = 'leased' and (not $4::boolean or lease_until < now()) for update
), removed as (
  delete from jobs j using mine m
  where j.workspace_id = m.workspace_id and j.id = m.id and m.cancelled_at is not null returning false as is_parked
), parked as (
  update jobs j set state = 'parked', parked_at = now(), last_error = $3, token = j.token + 1, lease_until = null, leased_by = null
  from mine m where j.workspace_id = m.workspace_id and j.id = m.id and m.cancelled_at is null returning true as is_parked
)
select is_parked from removed union all select is_parked from parked`;

/** Gives leases back: the job runs again, is removed when it was told to stop, or goes up in the wake-up that waits behind it. */
export const GIVE_BACK = `
with mine as (
  select j.workspace_id, j.id, j.kind, j.key, j.cancelled_at is not null as is_cancelled, e.error,
    j.attempt - case when e.counted then 0 else 1 end as attempt,
    case when e.after_ms is null then j.run_at else now() + e.after_ms * interval '1 millisecond' end as run_at
  from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::float8[], $5::boolean[], $6::text[])
    as e(workspace_id, id, token, after_ms, counted, error)
  join jobs j on j.workspace_id = e.workspace_id and j.id = e.id
  where j.token = e.token and j.state = 'leased' and (not $7::boolean or j.lease_until < now())
  for update of j
), twins as (
  update jobs t set attempt = greatest(t.attempt, m.attempt), last_error = coalesce(m.error, t.last_error)
  from mine m
  where m.key is not null and not m.is_cancelled and t.workspace_id = m.workspace_id and t.kind = m.kind and t.key = m.key
    and t.key is not null and t.state in ('waiting', 'ready')
  returning m.workspace_id, m.id
), removed as (
  delete from jobs j using (
    select workspace_id, id from twins union all select workspace_id, id from mine where is_cancelled
  ) r where j.workspace_id = r.workspace_id and j.id = r.id
  returning j.id
), moved as (
  update jobs j set state = case when m.run_at <= now() then 'ready' else 'waiting' end, run_at = m.run_at, attempt = m.attempt,
    token = j.token + 1, lease_until = null, leased_by = null, last_error = coalesce(m.error, j.last_error)
  from mine m
  where j.workspace_id = m.workspace_id and j.id = m.id and not m.is_cancelled and not exists (select from twins t where t.id = m.id)
  returning j.id
)
select id from removed union all select id from moved`;

export function giveBackValues(ends: readonly Unfinished[], only_expired: boolean): unknown[] {
  return [
    ...leaseColumns(ends),
    ends.map((end) => end.after_ms),
    ends.map((end) => end.counted),
    ends.map((end) => end.error),
    only_expired,
  ];
}

export function leaseColumns(leases: readonly Lease[]): unknown[][] {
  return [
    leases.map((lease) => lease.workspace_id),
    leases.map((lease) => lease.id),
    leases.map((lease) => lease.token),
  ];
}

/** A job of the same key was enqueued or leased in between: the work is tried again on the present state. */
export async function retryTwins<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const constraint = violatedConstraint(error);
      if (attempt >= 5 || (constraint !== 'jobs_pending_key' && constraint !== 'jobs_leased_key')) throw error;
    }
  }
}
