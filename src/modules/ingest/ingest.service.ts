import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { Events } from '../../platform/events/events.js';
import { LiveSignals } from '../../platform/events/live-signals.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import { Jobs } from '../../platform/jobs/jobs.js';
import { WorkspaceSettings } from '../../platform/auth/workspace-settings.js';
import type {
  IngestOptions,
  IngestPayload,
  IngestPreview,
  IngestResult,
  IngestRowDto,
  IngestRunDto,
  IngestSettings,
} from './ingest.dto.js';
import { RunIsOver, UnreadablePayload } from './ingest.errors.js';
import { IngestRepository } from './ingest.repository.js';
import type { RowOutcome } from './ingest-row.entity.js';
import { fingerprintOf, SourceFiles, type Upload } from './source-files.js';
import { readMapping, sourceOptions } from './source-options.js';
import { openSource } from './source/open-source.js';

export type { RowOutcome } from './ingest-row.entity.js';

const SHOWN_AT_MOST = 1_000;
const PREVIEW_ROWS = 50;
/** A payload of more records than this is answered 202 at once. */
const MAX_RECORDS_AT_ONCE = 1_000;
const WAIT_MS = 30_000;
const POLL_MS = 200;

/** What became of a request: the run, and whether its work is over. */
export interface IngestAnswer {
  readonly run: IngestResult;
  readonly is_over: boolean;
  /** The same work had been asked for before; this is that run. */
  readonly is_repeat: boolean;
}

@Injectable()
export class IngestService {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly events: Events,
    private readonly live: LiveSignals,
    private readonly jobs: Jobs,
    private readonly runs: IngestRepository,
    private readonly files: SourceFiles,
    private readonly settings: WorkspaceSettings,
  ) {}

  /**
   * Takes data in a request. Every run is a job, so that nothing is lost when the process dies; for up to 1,000 records
   * the answer waits for its end.
   * @param key an idempotency key: it names the run, so asking again finds it.
   */
  async take(request: IngestPayload, key?: string): Promise<IngestAnswer> {
    const bytes = bytesOf(request);
    const answer = await this.takeBytes(request, bytes, key);
    if (answer.is_over || recordsAbout(bytes) > MAX_RECORDS_AT_ONCE) return answer;
    return { ...answer, ...(await this.waitFor(answer.run.id, WAIT_MS)) };
  }

  /** Starts a run of data in a request and does not wait for it. */
  async start(request: IngestPayload): Promise<IngestResult> {
    return (await this.takeBytes(request, bytesOf(request))).run;
  }

  private async takeBytes(request: IngestPayload, bytes: Buffer, key?: string): Promise<IngestAnswer> {
    const upload = { bytes: toIterable(bytes), file_name: null, media_type: null, mapping: () => undefined };
    if (key === undefined) return this.takeUpload(request, upload, { is_again: true });
    const run_id = this.runIdOf(key);
    // Asked before the source is stored: another request under this key must not take the place of the first one's source.
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const known = await this.repeatOf(run_id, fingerprintOf(sha256, decisionsOf(request, request.mapping ?? null)));
    return known ?? this.takeUpload(request, upload, { is_again: true, run_id });
  }

  /** Takes a file: stored and hashed while it arrives, then a run of its own. */
  async takeUpload(
    settings: IngestSettings,
    upload: Upload,
    { is_again, run_id: runId = uuidv7() }: { readonly is_again: boolean; readonly run_id?: string },
  ): Promise<IngestAnswer> {
    readMapping(settings.mapping, settings.entity);
    const written = await this.files.keep(runId, upload.bytes);
    const mapping = settings.mapping ?? (upload.mapping() as object | undefined) ?? null;
    const run = {
      id: runId,
      source: settings.source,
      format: settings.format ?? null,
      entity: settings.entity ?? null,
      mapping,
      options: keptOptions(settings.options),
      is_dry_run: settings.dry_run ?? false,
      file_name: upload.file_name,
      media_type: upload.media_type,
      size_bytes: written.size_bytes,
      sha256: written.sha256,
      fingerprint: fingerprintOf(written.sha256, decisionsOf(settings, mapping)),
      actor: this.actor(),
    };
    try {
      readMapping(mapping, settings.entity);
      await this.refuseUnreadable(run);
      const twin = await this.db.transaction(async () => {
        const known = is_again ? undefined : await this.runs.findTwin(run.fingerprint);
        if (known !== undefined) return known;
        if (!(await this.runs.insert(run))) return (await this.knownAs(runId, run.fingerprint)) ?? runId;
        await this.jobs.enqueue('ingest.run', { run_id: runId }, { key: runId });
        return undefined;
      });
      if (twin === undefined) return { run: await this.get(runId), is_over: false, is_repeat: false };
      if (twin !== runId) await this.files.remove(runId);
      return await this.repeat(twin);
    } catch (error) {
      if (!(await this.isKnown(runId))) await this.files.remove(runId);
      throw error;
    }
  }

  /** The first records as they would land. Writes nothing. */
  async preview(request: IngestPayload): Promise<IngestPreview> {
    const bytes = bytesOf(request);
    const described = {
      format: request.format ?? null,
      entity: request.entity ?? null,
      mapping: request.mapping ?? null,
      options: keptOptions(request.options),
      media_type: null,
      file_name: null,
    };
    const opened = await openSource([bytes], sourceOptions(described, await this.region()));
    if (!opened.ok) throw new UnreadablePayload(opened.error);
    const rows: object[] = [];
    for await (const { source, normalised } of opened.records) {
      const { row, line } = source;
      rows.push({
        row,
        line,
        entity: normalised.entity,
        values: normalised.values,
        diagnostics: normalised.diagnostics,
      });
      if (rows.length === PREVIEW_ROWS) break;
    }
    return {
      format: opened.format,
      charset: opened.charset(),
      delimiter: opened.delimiter,
      header_line: opened.header_line,
      entity: opened.entity,
      columns: [...opened.proposals],
      rows,
      diagnostics: opened.diagnostics() as IngestPreview['diagnostics'],
    };
  }

  list(request: ListRequest): Promise<Page<IngestRunDto>> {
    return this.runs.page(request);
  }

  /** A run with its result so far. */
  async get(id: string): Promise<IngestResult> {
    return this.db.read(async () => {
      const run = isUUID(id) ? await this.runs.show(id) : undefined;
      if (!run) throw new NotFound('ingest_run');
      const report = await this.runs.report(id);
      const created_ids = await this.runs.entityIds(id, 'created', SHOWN_AT_MOST);
      const updated_ids = await this.runs.entityIds(id, 'updated', SHOWN_AT_MOST);
      const ofRows = await this.runs.diagnostics(id, SHOWN_AT_MOST + 1);
      const diagnostics = [...((report.diagnostics ?? []) as IngestResult['diagnostics']), ...ofRows];
      return Object.assign(run, {
        created_ids,
        updated_ids,
        diagnostics: diagnostics.slice(0, SHOWN_AT_MOST),
        columns: [...(report.columns ?? [])],
        truncated:
          diagnostics.length > SHOWN_AT_MOST ||
          (!run.is_dry_run && (run.created > created_ids.length || run.updated > updated_ids.length)),
      });
    });
  }

  /** A page of the rows of a run, in order; `after` is the row number that ended the page before. */
  async rows(
    id: string,
    after: number,
    limit: number,
    outcomes: readonly RowOutcome[] | null,
  ): Promise<IngestRowDto[]> {
    if (!isUUID(id) || !(await this.runs.find(id))) throw new NotFound('ingest_run');
    return this.runs.rows(id, after, limit, outcomes);
  }

  /** Stops a run behind the batch under way; what is committed stays. */
  async cancel(id: string): Promise<IngestResult> {
    await this.db.transaction(async () => {
      const state = isUUID(id) ? await this.runs.lock(id) : undefined;
      if (!state) throw new NotFound('ingest_run');
      if (isOver(state.status)) throw new RunIsOver(state.status);
      await this.runs.finish(id, 'cancelled', await this.runs.report(id));
      const data = await this.runs.show(id);
      if (data) this.events.publish('ingest.cancelled', { subject_id: id, data });
    });
    return this.get(id);
  }

  /** Waits until a run is over, or for `ms`. */
  async waitFor(id: string, ms: number): Promise<{ run: IngestResult; is_over: boolean }> {
    const until = performance.now() + ms;
    for (;;) {
      const run = await this.runs.show(id);
      if (!run || isOver(run.status) || performance.now() >= until) {
        return { run: await this.get(id), is_over: run !== undefined && isOver(run.status) };
      }
      await this.nextSignal(Math.min(POLL_MS, until - performance.now()));
    }
  }

  /** The next time the log grows, or `ms` later: a missed signal costs no more. */
  private async nextSignal(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const stop = this.live.on('log', done);
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        stop();
        resolve();
      }
    });
  }

  private async refuseUnreadable(run: Parameters<typeof sourceOptions>[0] & { readonly id: string }): Promise<void> {
    const file = this.files.open(run);
    try {
      const opened = await openSource(file, sourceOptions(run, undefined));
      if (!opened.ok) throw new UnreadablePayload(opened.error);
      await opened.records.return();
    } finally {
      file.destroy();
    }
  }

  /** The answer to a request whose run exists already, undefined when it does not. */
  private async repeatOf(run_id: string, fingerprint: string): Promise<IngestAnswer | undefined> {
    const known = await this.db.read(() => this.knownAs(run_id, fingerprint));
    return known === undefined ? undefined : this.repeat(known);
  }

  private async repeat(run_id: string): Promise<IngestAnswer> {
    const run = await this.get(run_id);
    return { run, is_over: isOver(run.status), is_repeat: true };
  }

  /** The run that an Idempotency-Key names already. @throws {Invalid} when it is of another request. */
  private async knownAs(run_id: string, fingerprint: string): Promise<string | undefined> {
    const known = await this.runs.find(run_id);
    if (!known || known.fingerprint === fingerprint) return known?.id;
    throw new Invalid([{ pointer: '', detail: 'This Idempotency-Key was used for another request. Use a new key.' }]);
  }

  private async isKnown(runId: string): Promise<boolean> {
    return (await this.runs.find(runId)) !== undefined;
  }

  private async region(): Promise<string | undefined> {
    return (await this.settings.of(this.context.workspaceId())).default_region ?? undefined;
  }

  private runIdOf(key: string): string {
    const { workspace_id, id } = this.context.principal();
    return uuidv5(`${id} ${key}`, workspace_id);
  }

  private actor() {
    const { type, id, name } = this.context.principal();
    return { type, id, name };
  }
}

function bytesOf({ payload }: IngestPayload): Buffer {
  return Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
}

/** What decides, beside the bytes, what a run does. */
function decisionsOf({ options, entity, dry_run }: IngestSettings, mapping: object | null): readonly unknown[] {
  return [mapping, options ?? null, entity ?? null, dry_run ?? false];
}

function isOver(status: string): boolean {
  return status !== 'pending' && status !== 'running';
}

function toIterable(bytes: Buffer): AsyncIterable<Uint8Array> {
  return (async function* () {
    yield await Promise.resolve(bytes);
  })();
}

/** An upper bound of the records in a payload: its lines. */
function recordsAbout(bytes: Buffer): number {
  let lines = 1;
  for (let at = bytes.indexOf(10); at >= 0 && lines <= MAX_RECORDS_AT_ONCE + 1; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}

/** Options as a run keeps them: a plain object. */
function keptOptions(options: IngestOptions | null | undefined): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options ?? {}));
}
