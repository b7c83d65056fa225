import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiClient, UsageError } from './api-client.js';
import { bar, type Output, table } from './output.js';

export interface IngestFileOptions {
  readonly source?: string;
  readonly entity?: string;
  readonly format?: string;
  /** A file with a mapping document. */
  readonly mapping?: string;
  readonly dryRun?: boolean;
  readonly again?: boolean;
}

interface Run {
  readonly id: string;
  readonly status: string;
  readonly position: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly errors: number;
  readonly failure: string | null;
  readonly is_dry_run: boolean;
  readonly diagnostics: readonly {
    row: number | null;
    line: number | null;
    level: string;
    message: string;
    value?: string;
  }[];
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.tsv': 'text/tab-separated-values',
  '.vcf': 'text/vcard',
  '.json': 'application/json',
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/x-ndjson',
};
const POLL_MS = 250;
const SHOWN_ERRORS = 10;

/** Sends a file, shows how far its run is, and tells what became of the rows. @returns the exit code: 0, or 1 when the run failed. */
export async function ingestFile(
  api: ApiClient,
  output: Output,
  file: string,
  options: IngestFileOptions,
): Promise<number> {
  const size = await stat(file).then(
    (found) => found.size,
    () => {
      throw new UsageError(`${file} cannot be read.`);
    },
  );
  let run = await send(api, output, file, size, options);
  while (run.status === 'pending' || run.status === 'running') {
    output.progress(`${run.position} records: ${run.created} created, ${run.updated} updated, ${run.errors} errors`);
    await delay(POLL_MS);
    run = await api.call<Run>(`/ingest/runs/${run.id}`);
  }
  output.endProgress();
  output.result(run, () => summary(run));
  return run.status === 'completed' ? 0 : 1;
}

async function send(
  api: ApiClient,
  output: Output,
  file: string,
  size: number,
  options: IngestFileOptions,
): Promise<Run> {
  let sent = 0;
  const counted = createReadStream(file).pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.length;
        output.progress(`sending ${basename(file)} ${bar(sent, size)}`);
        done(null, chunk);
      },
    }),
  );
  const mapping = options.mapping === undefined ? undefined : await readFile(options.mapping, 'utf8');
  const query = {
    source: options.source ?? basename(file, extname(file)).slice(0, 100),
    entity: options.entity,
    format: options.format,
    dry_run: options.dryRun ? 'true' : undefined,
    again: options.again ? 'true' : undefined,
    mapping,
  };
  return api.call<Run>('/ingest/files', {
    method: 'POST',
    query,
    headers: { 'content-type': MEDIA_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream' },
    body: Readable.toWeb(counted) as ReadableStream<Uint8Array>,
  });
}

function summary(run: Run): string[] {
  const errors = run.diagnostics.filter(({ level }) => level === 'error').slice(0, SHOWN_ERRORS);
  return [
    `${run.is_dry_run ? 'Dry run ' : 'Run '}${run.id} ${run.status}${run.failure === null ? '' : `: ${run.failure}`}`,
    ...table([
      ['records', 'created', 'updated', 'unchanged', 'skipped', 'errors'],
      [run.position, run.created, run.updated, run.unchanged, run.skipped, run.errors].map(String),
    ]),
    ...errors.map(
      ({ row, line, message, value }) =>
        `  row ${row} (line ${line}): ${message}${value === undefined ? '' : `: ${value}`}`,
    ),
    ...(run.errors > errors.length ? [`  ... all of them: GET /api/v1/ingest/runs/${run.id}/rows.csv`] : []),
  ];
}
