import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { ListQuery } from '../database/list-query.js';
import type { ListRequest, Page } from '../http/listing.js';
import type { JobCountsDto, JobDto, RetryJobsDto } from './jobs.dto.js';

const COLUMNS = `id, kind, lane, key, payload, actor, state, run_at, attempt, max_attempts, last_error, lease_until, cancelled_at,
  parked_at, created_at`;

/**
 * Parked and waiting jobs become ready, counted from the start. Of several of one key only one may wait, so the others,
 * which ask for the same, go up in it.
 */
const RETRY = `
with locked as (
  select workspace_id, id, kind, key, state from jobs where id = any($1::uuid[]) and state in ('parked', 'waiting') for update
), ranked as (
  select l.*, row_number() over (partition by l.kind, l.key order by l.state = 'waiting' desc, l.id desc) as place,
    exists (select from jobs t where t.kind = l.kind and t.key = l.key and t.state in ('waiting', 'ready') and t.id <> l.id
      and not (l.state = 'waiting')) as has_twin
  from locked l
), removed as (
  delete from jobs j using ranked r
  where j.workspace_id = r.workspace_id and j.id = r.id and r.key is not null and (r.place > 1 or r.has_twin)
  returning j.id
), retried as (
  update jobs j set state = 'ready', run_at = now(), attempt = 0, token = j.token + 1, parked_at = null
  from ranked r
  where j.workspace_id = r.workspace_id and j.id = r.id and (r.key is null or (r.place = 1 and not r.has_twin))
  returning j.id, j.kind
)
select r.id, r.kind from ranked r`;

/** What the administration of one workspace asks of the table. */
@Injectable()
export class JobAdministrationRepository {
  constructor(private readonly db: Database) {}

  page(request: ListRequest): Promise<Page<JobDto>> {
    const list = new ListQuery({ table: 'jobs', columns: COLUMNS }, request, false);
    return list.read<JobDto>(this.db);
  }

  async find(id: string): Promise<JobDto | undefined> {
    const [job] = await this.db.readRows<JobDto>(`select ${COLUMNS} from jobs where id = $1`, [id]);
    return job;
  }

  async lock(id: string): Promise<JobDto | undefined> {
    const [job] = await this.db.query<JobDto>(`select ${COLUMNS} from jobs where id = $1 for update`, [id]);
    return job;
  }

  async findPending(kind: string, key: string): Promise<JobDto | undefined> {
    const [job] = await this.db.query<JobDto>(
      `select ${COLUMNS} from jobs where kind = $1 and key = $2 and state in ('waiting', 'ready')`,
      [kind, key],
    );
    return job;
  }

  summary(): Promise<JobCountsDto[]> {
    return this.db.readRows(
      `select kind, count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'ready') as ready,
         count(*) filter (where state = 'leased') as leased, count(*) filter (where state = 'parked') as parked,
         (extract(epoch from now() - min(run_at) filter (where state = 'ready')) * 1000)::float8 as oldest_ready_age_ms
       from jobs group by kind order by kind`,
    );
  }

  /** Ids of jobs that failed and fit, oldest first. */
  async findFailed(wanted: RetryJobsDto, limit: number): Promise<string[]> {
    const rows = await this.db.query<{ id: string }>(
      `select id from jobs
       where (state = 'parked' or (state = 'waiting' and last_error is not null))
         and ($1::text is null or kind = $1) and ($2::text is null or position(lower($2) in lower(last_error)) > 0)
         and ($3::timestamptz is null or created_at >= $3)
       order by created_at, id limit $4`,
      [wanted.kind ?? null, wanted['last_error.contains'] ?? null, wanted['created_at.gte'] ?? null, limit],
    );
    return rows.map((row) => row.id);
  }

  /** Makes jobs ready; those that were parked or waiting. */
  retry(ids: readonly string[]): Promise<{ id: string; kind: string }[]> {
    return this.db.query(RETRY, [ids]);
  }

  async remove(id: string): Promise<void> {
    await this.db.execute('delete from jobs where id = $1', [id]);
  }

  /** Tells the worker that has it to stop; it hears of it at its next heartbeat at the latest. */
  async cancel(id: string): Promise<void> {
    await this.db.execute('update jobs set cancelled_at = coalesce(cancelled_at, now()) where id = $1', [id]);
  }

  /** Removes jobs that are still parked; what they were. */
  removeParked(
    ids: readonly string[],
  ): Promise<{ id: string; kind: string; last_error: string | null; attempt: number }[]> {
    return this.db.query(
      `delete from jobs where id = any($1::uuid[]) and state = 'parked' returning id, kind, last_error, attempt`,
      [ids],
    );
  }
}
