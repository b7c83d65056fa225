import pg from 'pg';
import { contactBody, COPY, copyLine, type ImportedRow, UPSERT, upsertValues } from './contact-rows.js';
import { type Figure, median } from './figures.js';
import type { Contender, Stage } from './stage.js';

/** Of `unnest ... on conflict` writing the same rows without events: the target of the first issue. */
const LEAST_OF_UPSERT = 0.5;

const ROWS = 50_000;
const BATCH = 2_000;
const ROUNDS = 3;

/** A CSV upload of new contacts, from the start of the run to its end, against the database's own ways in. */
export async function measureIngest(stage: Stage): Promise<Figure[]> {
  const [engawa, copied, upserted] = stage.contenders;
  if (!engawa || !copied || !upserted) throw new Error('three databases are needed');
  const rows = Array.from({ length: ROWS }, (_, n): ImportedRow => ({ external_id: `row-${n}`, body: contactBody(n) }));
  const csv = toCsv(rows);
  const seconds: Record<'ingest' | 'upsert' | 'copy', number[]> = { ingest: [], upsert: [], copy: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await stage.clear(engawa);
    seconds.ingest.push(await ingest(stage, csv));
    await stage.clear(upserted);
    seconds.upsert.push(await timed(() => upsert(upserted, stage.workspace_id, rows)));
    await stage.clear(copied);
    seconds.copy.push(await timed(() => copy(copied, stage.workspace_id, rows)));
  }
  await demandSameRows(engawa, upserted);
  const of = (peer: 'upsert' | 'copy') => median(seconds.ingest.map((own, n) => (seconds[peer][n] ?? NaN) / own));
  const rate = (way: keyof typeof seconds) => `${Math.round(ROWS / median(seconds[way])).toLocaleString('en')} rows/s`;
  return [
    {
      what: 'CSV ingest, of unnest ... on conflict',
      value: of('upsert'),
      unit: 'x',
      least: LEAST_OF_UPSERT,
      detail: `${rate('ingest')} to ${rate('upsert')}`,
    },
    {
      what: 'CSV ingest, of COPY of the contacts alone',
      value: of('copy'),
      unit: 'x',
      detail: `${rate('ingest')} to ${rate('copy')}`,
    },
  ];
}

interface Run {
  readonly id: string;
  readonly status: string;
  readonly created: number;
  readonly started_at: string;
  readonly finished_at: string;
}

async function ingest({ engawa, key }: Stage, csv: string): Promise<number> {
  const authorization = `Bearer ${key.text}`;
  const query = 'source=bench&format=csv&entity=contact&again=true';
  const sent = await fetch(`${engawa.server.url}/api/v1/ingest/files?${query}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'text/csv' },
    body: csv,
  });
  if (sent.status !== 202) throw new Error(`the upload was answered ${sent.status}: ${await sent.text()}`);
  const location = new URL(sent.headers.get('location') ?? '', engawa.server.url);
  for (;;) {
    // Seldom, so that asking does not slow the run.
    await new Promise((resolve) => setTimeout(resolve, 250));
    const run = (await (await fetch(location, { headers: { authorization } })).json()) as Run;
    if (run.status === 'pending' || run.status === 'running') continue;
    if (run.status !== 'completed' || run.created !== ROWS)
      throw new Error(`the run ended ${run.status} with ${run.created} created`);
    return (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1_000;
  }
}

async function upsert({ owner }: Contender, workspace_id: string, rows: readonly ImportedRow[]): Promise<void> {
  const client = await owner.connect();
  for (let n = 0; n < rows.length; n += BATCH) {
    const values = upsertValues(workspace_id, rows.slice(n, n + BATCH));
    await client.query({ name: 'upsert', text: UPSERT, values });
  }
  client.release();
}

async function copy({ owner }: Contender, workspace_id: string, rows: readonly ImportedRow[]): Promise<void> {
  const chunks: Buffer[] = [];
  for (let n = 0; n < rows.length; n += BATCH) {
    chunks.push(
      Buffer.from(
        rows
          .slice(n, n + BATCH)
          .map((row) => copyLine(workspace_id, row))
          .join(''),
      ),
    );
  }
  const client = await owner.connect();
  await new Promise<void>((resolve, reject) => {
    // pg leaves COPY to packages of its own; sending it takes two calls.
    const query = Object.assign(new pg.Query(COPY), {
      handleCopyInResponse: (connection: CopyConnection) => {
        for (const chunk of chunks) connection.sendCopyFromChunk(chunk);
        connection.endCopyFrom();
      },
    });
    query.once('end', resolve).once('error', reject);
    client.query(query);
  });
  client.release();
}

interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

async function demandSameRows(...contenders: readonly Contender[]): Promise<void> {
  const digests = await Promise.all(
    contenders.map(async ({ owner }) => {
      const { rows } = await owner.query<{ digest: string }>(
        `select concat_ws(' ', count(*), sum(hashtext(c.external_id || c.name || c.email || c.phone || c.title || c.tags::text)),
           sum(hashtext(s.tsv::text)), (select count(*) from subjects), (select count(*) from lookup_keys)) as digest
         from contacts c join search_documents s on s.id = c.id`,
      );
      return rows[0]?.digest;
    }),
  );
  if (new Set(digests).size !== 1) throw new Error(`the ways in do not write the same rows: ${digests.join(' | ')}`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

function toCsv(rows: readonly ImportedRow[]): string {
  const lines = rows.map(({ external_id, body: { first_name, last_name, email, phone, title, tags } }) =>
    [external_id, first_name, last_name, email, phone, title, tags.join(';')].join(','),
  );
  return `External ID,First Name,Last Name,Email,Phone,Job Title,Tags\r\n${lines.join('\r\n')}\r\n`;
}
