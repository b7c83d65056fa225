import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ListQuery } from '../../platform/database/list-query.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import type { IngestDiagnostic, IngestRowDto, IngestRunDto } from './ingest.dto.js';
import type { IngestReport, IngestRun, IngestStatus } from './ingest-run.entity.js';
import type { IngestRow, RowOutcome } from './ingest-row.entity.js';

const SHOWN = `id, id as run_id, source, format, entity, status, is_dry_run, file_name, size_bytes, sha256, record_count, created,
  updated, unchanged, skipped, errors, position, report->>'failure' as failure, started_at, finished_at, created_at, updated_at`;

/** Numbers that a batch adds to its run. */
export interface BatchCounts {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly errors: number;
}

@Injectable()
export class IngestRepository {
  constructor(private readonly db: Database) {}

  /** False when a run of this id is there already: the same request came twice. */
  async insert(
    run: Pick<
      IngestRun,
      | 'id'
      | 'source'
      | 'format'
      | 'entity'
      | 'mapping'
      | 'options'
      | 'is_dry_run'
      | 'file_name'
      | 'media_type'
      | 'size_bytes'
      | 'sha256'
      | 'fingerprint'
      | 'actor'
    >,
  ): Promise<boolean> {
    const inserted = await this.db.execute(
      `insert into ingest_runs (id, source, format, entity, mapping, options, is_dry_run, file_name, media_type, size_bytes, sha256, fingerprint, actor)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing`,
      [
        run.id,
        run.source,
        run.format,
        run.entity,
        run.mapping,
        run.options,
        run.is_dry_run,
        run.file_name,
        run.media_type,
        run.size_bytes,
        run.sha256,
        run.fingerprint,
        run.actor,
      ],
    );
    return inserted === 1;
  }

  /** A run of the same bytes, mapping and options in the last 24 hours that did not fail. */
  async findTwin(fingerprint: string): Promise<string | undefined> {
    const [row] = await this.db.query<{ id: string }>(
      `select id from ingest_runs where fingerprint = $1 and created_at > now() - interval '24 hours'
         and status in ('pending', 'running', 'completed') order by created_at desc limit 1`,
      [fingerprint],
    );
    return row?.id;
  }

  async find(id: string): Promise<IngestRun | undefined> {
    const [row] = await this.db.readRows<IngestRun & object>('select * from ingest_runs where id = $1', [id]);
    return row;
  }

  /** Where the run stands, locked until the end of the transaction: one writer at a time moves it. */
  async lock(id: string): Promise<Pick<IngestRun, 'status' | 'position'> | undefined> {
    const [row] = await this.db.query<{ status: IngestStatus; position: number }>(
      'select status, position from ingest_runs where id = $1 for update',
      [id],
    );
    return row;
  }

  async show(id: string): Promise<IngestRunDto | undefined> {
    const [row] = await this.db.readRows<IngestRunDto & object>(`select ${SHOWN} from ingest_runs where id = $1`, [id]);
    return row;
  }

  async report(id: string): Promise<IngestReport> {
    const [row] = await this.db.query<{ report: IngestReport }>('select report from ingest_runs where id = $1', [id]);
    return row?.report ?? {};
  }

  page(request: ListRequest): Promise<Page<IngestRunDto>> {
    const list = new ListQuery({ table: 'ingest_runs', columns: SHOWN }, request, false);
    return list.read<IngestRunDto>(this.db);
  }

  /** Rows of a run behind a row number, in order. */
  async rows(
    runId: string,
    after: number,
    limit: number,
    outcomes: readonly RowOutcome[] | null,
  ): Promise<IngestRowDto[]> {
    return this.db.readRows<IngestRowDto & object>(
      `select row, line, outcome, entity_type, entity_id, diagnostics from ingest_rows
       where run_id = $1 and row > $2 and ($3::text[] is null or outcome = any($3::text[])) order by row limit $4`,
      [runId, after, outcomes, limit],
    );
  }

  async entityIds(runId: string, outcome: RowOutcome, limit: number): Promise<string[]> {
    const rows = await this.db.query<{ entity_id: string }>(
      'select entity_id from ingest_rows where run_id = $1 and outcome = $2 and entity_id is not null order by row limit $3',
      [runId, outcome, limit],
    );
    return rows.map((row) => row.entity_id);
  }

  /** Findings of rows, those of failed rows first. */
  async diagnostics(runId: string, limit: number): Promise<IngestDiagnostic[]> {
    const rows = await this.db.query<{ diagnostics: IngestDiagnostic[] }>(
      `(select diagnostics, 0 as rank, row from ingest_rows where run_id = $1 and outcome = 'failed' order by row limit $2)
       union all
       (select diagnostics, 1, row from ingest_rows where run_id = $1 and outcome <> 'failed' and diagnostics <> '[]' order by row limit $2)
       order by rank, row limit $2`,
      [runId, limit],
    );
    return rows.flatMap((row) => row.diagnostics);
  }

  async begin(id: string): Promise<void> {
    await this.db.query(
      `update ingest_runs set status = 'running', started_at = coalesce(started_at, now()), updated_at = now() where id = $1`,
      [id],
    );
  }

  async advance(
    id: string,
    records: number,
    counts: BatchCounts,
    found: { format: string; entity: string },
  ): Promise<void> {
    await this.db.query(
      `update ingest_runs set position = position + $2, record_count = record_count + $2, created = created + $3,
         updated = updated + $4, unchanged = unchanged + $5, skipped = skipped + $6, errors = errors + $7,
         format = $8, entity = $9, updated_at = now()
       where id = $1`,
      [
        id,
        records,
        counts.created,
        counts.updated,
        counts.unchanged,
        counts.skipped,
        counts.errors,
        found.format,
        found.entity,
      ],
    );
  }

  async finish(id: string, status: IngestStatus, report: IngestReport): Promise<void> {
    await this.db.query(
      'update ingest_runs set status = $2, report = $3, finished_at = now(), updated_at = now() where id = $1',
      [id, status, storableJson(report)],
    );
  }

  async insertRows(runId: string, rows: readonly Omit<IngestRow, 'run_id'>[]): Promise<void> {
    await this.db.query(
      `insert into ingest_rows (run_id, row, line, outcome, entity_type, entity_id, digest, diagnostics)
       select $1, row, line, outcome, entity_type, entity_id, digest, diagnostics
       from jsonb_to_recordset($2::jsonb)
         as r (row integer, line integer, outcome text, entity_type text, entity_id uuid, digest text, diagnostics jsonb)`,
      [runId, storableJson(rows)],
    );
  }

  /** The records that rows without a key of their own made, by the digest of the row; only those still there. */
  async findByDigest(digests: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (digests.length === 0) return new Map();
    const rows = await this.db.query<{ digest: string; entity_id: string }>(
      `select distinct on (r.digest) r.digest, r.entity_id from ingest_rows r
       join subjects s on s.workspace_id = r.workspace_id and s.id = r.entity_id and s.deleted_at is null
       where r.digest = any($1::text[]) order by r.digest, r.entity_id`,
      [digests],
    );
    return new Map(rows.map((row) => [row.digest, row.entity_id]));
  }

  /** Runs whose source is older than seven days, and forgets rows after thirty, but for those that only their digest finds again. */
  async expire(): Promise<string[]> {
    await this.db.query(
      `delete from ingest_rows where digest is null and run_id in (select id from ingest_runs where created_at < now() - interval '30 days')`,
    );
    const rows = await this.db.query<{ id: string }>(
      `update ingest_runs set has_file = false where has_file and created_at < now() - interval '7 days' and status not in ('pending', 'running') returning id`,
    );
    return rows.map((row) => row.id);
  }
}

/** JSON that a jsonb column can hold: NUL and lone surrogates, which sources do hold, are shown as U+FFFD. */
function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!/\\u(?:0000|d[89a-f])/.test(text)) return text;
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'string' ? member.replace(/[\0\ud800-\udfff]/gu, '\ufffd') : member,
  );
}
