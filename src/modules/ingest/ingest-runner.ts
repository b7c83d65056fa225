import { Injectable } from '@nestjs/common';
import { IngestConfig } from '../../../config/app-config.js';
import { Database } from '../../platform/database/database.js';
import { Events } from '../../platform/events/events.js';
import { Problem } from '../../platform/errors/problem.js';
import { type BatchCounts, IngestRepository } from './ingest.repository.js';
import type { IngestReport, IngestRun } from './ingest-run.entity.js';
import type { IngestRow } from './ingest-row.entity.js';
import type { IngestOptions } from './ingest.dto.js';
import { type RecordOutcome, RecordWriter } from './record-writer.js';
import { SourceFiles } from './source-files.js';
import { sourceOptions } from './source-options.js';
import { type OpenedRecord, type OpenedSource, openSource } from './source/open-source.js';

/** Progress is told at most this often, in milliseconds. */
const PROGRESS_EVERY_MS = 1_000;
/** A dry run keeps the outcomes of at most this many rows that need saying something about. */
const MAX_DRY_ROWS = 10_000;

type Row = Omit<IngestRow, 'run_id'>;

/** Undoes everything that a dry run wrote. */
class DryRunOver extends Error {
  constructor(readonly result: { counts: BatchCounts; records: number; rows: Row[]; source: OpenedSource }) {
    super('a dry run is undone');
  }
}

/**
 * Reads the source of a run and writes its records, batch by batch. Records, their rows in `ingest_rows`, and the run's
 * position commit together: a run that dies goes on behind its last committed batch, and no record is written twice.
 */
@Injectable()
export class IngestRunner {
  constructor(
    private readonly db: Database,
    private readonly events: Events,
    private readonly runs: IngestRepository,
    private readonly files: SourceFiles,
    private readonly writer: RecordWriter,
    private readonly config: IngestConfig,
  ) {}

  /** Runs until the source ends, the run is cancelled, or `signal` says that another worker has it. */
  async run(runId: string, region: string | undefined, signal: AbortSignal): Promise<void> {
    const run = await this.begin(runId);
    if (!run) return;
    const file = this.files.open(run);
    try {
      const opened = await openSource(file, { ...sourceOptions(run, region), skip: run.position });
      if (!opened.ok) await this.end(run.id, 'failed', { failure: opened.error.message, diagnostics: [opened.error] });
      else if (run.is_dry_run) await this.rehearse(run, region);
      else await this.write(run, opened, signal);
    } finally {
      // Records that nobody began to read would keep it open.
      file.destroy();
    }
  }

  /** Ends a run that cannot go on. */
  async fail(runId: string, failure: string): Promise<void> {
    await this.end(runId, 'failed', { failure });
  }

  private begin(runId: string): Promise<IngestRun | undefined> {
    return this.db.transaction(async () => {
      const state = await this.runs.lock(runId);
      if (!state || (state.status !== 'pending' && state.status !== 'running')) return undefined;
      if (state.status === 'pending') {
        await this.runs.begin(runId);
        await this.publish(runId, 'ingest.started');
      }
      return this.runs.find(runId);
    });
  }

  private async write(run: IngestRun, source: OpenedSource, signal: AbortSignal): Promise<void> {
    let toldAt = 0;
    let position = run.position;
    for await (const batch of readAhead(batches(source.records, this.config.batch_size))) {
      if (signal.aborted) return;
      const tells = Date.now() - toldAt >= PROGRESS_EVERY_MS;
      if (tells) toldAt = Date.now();
      const isOurs = await this.db.transaction(() => this.writeBatch(run, source, batch, position, tells));
      if (!isOurs) return;
      position += batch.length;
    }
    if (signal.aborted) return;
    await this.end(run.id, 'completed', reportOf(source));
  }

  /** False when the run was cancelled, or another worker has moved it. */
  private async writeBatch(
    run: IngestRun,
    source: OpenedSource,
    batch: readonly OpenedRecord[],
    position: number,
    tells: boolean,
  ): Promise<boolean> {
    const state = await this.runs.lock(run.id);
    if (state?.status !== 'running' || state.position !== position) return false;
    const rows = await this.writeRecords(batch, run);
    await this.runs.insertRows(run.id, rows);
    await this.runs.advance(run.id, batch.length, countsOf(rows), source);
    if (tells) await this.publish(run.id, 'ingest.progress');
    return true;
  }

  /** The same work in one transaction that is undone, so that rows meet what earlier rows would have made. */
  private async rehearse(run: IngestRun, region: string | undefined): Promise<void> {
    const result = await this.db
      .transaction(async () => {
        const source = await openSource(this.files.open(run), sourceOptions(run, region));
        if (!source.ok) throw new Error(source.error.message);
        let counts: BatchCounts = { created: 0, updated: 0, unchanged: 0, skipped: 0, errors: 0 };
        let records = 0;
        const rows: Row[] = [];
        for await (const batch of batches(source.records, this.config.batch_size)) {
          // The savepoint sends what the batch collected (events, search documents), so memory stays flat.
          const written = await this.db.savepoint(() => this.writeRecords(batch, run));
          counts = sum(counts, countsOf(written));
          records += batch.length;
          const told = written.filter((row) => row.diagnostics.length > 0).slice(0, MAX_DRY_ROWS - rows.length);
          rows.push(...told.map((row) => ({ ...row, entity_id: null })));
        }
        throw new DryRunOver({ counts, records, rows, source });
      })
      .catch((error: unknown) => {
        if (error instanceof DryRunOver) return error.result;
        throw error;
      });
    await this.db.transaction(async () => {
      const state = await this.runs.lock(run.id);
      if (state?.status !== 'running') return;
      for (let from = 0; from < result.rows.length; from += 1_000) {
        await this.runs.insertRows(run.id, result.rows.slice(from, from + 1_000));
      }
      await this.runs.advance(run.id, result.records, result.counts, result.source);
      await this.runs.finish(run.id, 'completed', reportOf(result.source));
      await this.publish(run.id, 'ingest.completed');
    });
  }

  private async writeRecords(batch: readonly OpenedRecord[], run: IngestRun): Promise<Row[]> {
    const writable = batch.filter(({ normalised }) => !normalised.error && !normalised.skipped);
    const outcomes = await this.bisect(writable, run.options as IngestOptions);
    const written = new Map(writable.map((record, index) => [record, outcomes[index]]));
    return batch.map((record) => toRow(record, written.get(record)));
  }

  /** A batch that fails in the database is halved until the culprits stand alone; the others land. */
  private async bisect(records: readonly OpenedRecord[], options: IngestOptions): Promise<RecordOutcome[]> {
    if (records.length === 0) return [];
    try {
      return await this.db.savepoint(() =>
        this.writer.write(
          records.map(({ normalised }) => normalised),
          options,
        ),
      );
    } catch (error) {
      if (!isOfTheRows(error)) throw error;
      if (records.length === 1)
        return [{ outcome: 'failed', entity_id: null, code: 'refused-by-database', message: refusal(error) }];
      const half = Math.ceil(records.length / 2);
      return [
        ...(await this.bisect(records.slice(0, half), options)),
        ...(await this.bisect(records.slice(half), options)),
      ];
    }
  }

  private end(runId: string, status: 'completed' | 'failed', report: IngestReport): Promise<void> {
    return this.db.transaction(async () => {
      const state = await this.runs.lock(runId);
      if (state?.status !== 'running' && state?.status !== 'pending') return;
      await this.runs.finish(runId, status, report);
      await this.publish(runId, status === 'completed' ? 'ingest.completed' : 'ingest.failed');
    });
  }

  private async publish(
    runId: string,
    type: 'ingest.started' | 'ingest.progress' | 'ingest.completed' | 'ingest.failed',
  ): Promise<void> {
    const data = await this.runs.show(runId);
    if (data) this.events.publish(type, { subject_id: runId, data });
  }
}

function reportOf(source: OpenedSource): IngestReport {
  return {
    format: source.format,
    charset: source.charset(),
    delimiter: source.delimiter,
    columns: source.proposals,
    diagnostics: source.diagnostics(),
  };
}

async function* batches(records: AsyncIterable<OpenedRecord>, size: number): AsyncGenerator<OpenedRecord[]> {
  let batch: OpenedRecord[] = [];
  for await (const record of records) {
    batch.push(record);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Reads the next batch while the one before is being written. */
async function* readAhead<T>(batches: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    for (let next = batches.next(); ;) {
      const { value, done } = await next;
      if (done) return;
      next = batches.next();
      // A failure is thrown where it is awaited; until then nobody listens.
      next.catch(() => undefined);
      yield value as T;
    }
  } finally {
    await batches.return(undefined);
  }
}

function toRow({ source, normalised }: OpenedRecord, written: RecordOutcome | undefined): Row {
  const { row, line } = source;
  const place = { row, line, entity_type: normalised.entity, entity_id: null, digest: null };
  const found = normalised.diagnostics;
  if (normalised.error) return { ...place, outcome: 'failed', diagnostics: found };
  if (!written) return { ...place, outcome: 'skipped', diagnostics: found };
  const { outcome, entity_id, digest = null, code, message } = written;
  const said = code !== undefined && [{ row, line, level: outcome === 'failed' ? 'error' : 'info', code, message }];
  return { ...place, outcome, entity_id, digest, diagnostics: said ? [...found, ...said] : found };
}

function countsOf(rows: readonly Row[]): BatchCounts {
  const counts = { created: 0, updated: 0, unchanged: 0, skipped: 0, errors: 0 };
  for (const { outcome } of rows) counts[outcome === 'failed' ? 'errors' : outcome]++;
  return counts;
}

function sum(a: BatchCounts, b: BatchCounts): BatchCounts {
  return {
    created: a.created + b.created,
    updated: a.updated + b.updated,
    unchanged: a.unchanged + b.unchanged,
    skipped: a.skipped + b.skipped,
    errors: a.errors + b.errors,
  };
}

/** Errors that a row's content can cause (SQLSTATE classes 22 data and 23 constraint, or a problem); others concern the run. */
function isOfTheRows(error: unknown): boolean {
  if (error instanceof Problem) return true;
  return typeof error === 'object' && error !== null && 'code' in error && /^2[23]/.test(String(error.code));
}

function refusal(error: unknown): string {
  return error instanceof Problem ? (error.detail ?? error.title) : 'The database refused a value of this row.';
}
