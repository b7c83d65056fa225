import { jest } from '@jest/globals';
import { text } from 'node:stream/consumers';
import { FailedRowsCsv } from '../../../src/modules/ingest/failed-rows-csv.js';
import { Storage } from '../../../src/platform/storage/storage.js';
import { wholeExport, googleContactsCsv, hubspotContactsCsv } from '../../support/contacts-export.js';
import { type Answer, type Caller, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
import { until } from '../../support/until.js';

let app: TestApp;
let workspace: TestWorkspace;
let owner: Caller;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  workspace = await app.newWorkspace();
  owner = workspace.owner;
});
afterAll(() => app.close());

const PEOPLE =
  'First Name,Last Name,Email,Tags\nAda,Lovelace,ADA@Example.com,math;poet\nAlan,Turing,alan@example.com,math\n';

/** Sends a file and waits for the end of its run. */
async function upload(file: string | Uint8Array, query = ''): Promise<Answer> {
  const answer = await owner.request('POST', `ingest/files?source=test${query}`, file, { 'content-type': 'text/csv' });
  if (answer.status >= 300) return answer;
  return finished(answer.body.id);
}

async function finished(runId: string): Promise<Answer> {
  let last: Answer | undefined;
  await until('the run is over', async () => {
    last = await owner.get(`ingest/runs/${runId}`);
    return last.body.finished_at !== null;
  });
  if (!last) throw new Error('never asked');
  return last;
}

async function countEvents(type: string): Promise<number> {
  const { rows } = await app.database.owner.query<{ count: number }>(
    'select count(*)::int as count from events where workspace_id = $1 and type = $2',
    [workspace.id, type],
  );
  return rows[0]?.count ?? 0;
}

it('brings in a small CSV: all created, e-mails in lower case, tags split; again: all unchanged', async () => {
  const first = await owner.post('ingest', { source: 'test', payload: PEOPLE });
  expect(first.status).toBe(200);
  expect(first.body).toMatchObject({ status: 'completed', record_count: 2, created: 2, errors: 0 });
  const contacts = await owner.get('contacts?sort=first_name');
  expect(contacts.body.items).toMatchObject([
    { first_name: 'Ada', email: 'ada@example.com', tags: ['math', 'poet'] },
    { first_name: 'Alan', email: 'alan@example.com' },
  ]);
  const again = await owner.post('ingest', { source: 'test', payload: PEOPLE });
  expect(again.body).toMatchObject({ status: 'completed', unchanged: 2, created: 0 });
  expect(await countEvents('contact.created')).toBe(2);
  expect(await countEvents('contact.updated')).toBe(0);
});

describe('a real export of 10,000 rows', () => {
  it.each([
    ['Google', googleContactsCsv],
    ['HubSpot', hubspotContactsCsv],
  ])(
    '%s: every good row lands once, every bad row is reported with its line and reason, again changes nothing',
    async (_name, exporter) => {
      const { bytes, expected } = wholeExport(exporter({ rows: 10_000, badEvery: 97, seed: 7 }));
      const run = await upload(bytes);
      expect(run.body).toMatchObject({
        status: 'completed',
        record_count: expected.rows,
        created: expected.good,
        errors: expected.bad.length,
      });
      const failed: { row: number; line: number; codes: string[] }[] = [];
      for (let cursor = ''; ;) {
        const page = await owner.get(`ingest/runs/${run.body.id}/rows?outcome=failed&limit=500${cursor}`);
        for (const { row, line, diagnostics } of page.body.items) {
          failed.push({
            row,
            line,
            codes: diagnostics
              .filter((one: { level: string }) => one.level === 'error')
              .map((one: { code: string }) => one.code),
          });
        }
        if (page.body.next_cursor === null) break;
        cursor = `&cursor=${page.body.next_cursor}`;
      }
      expect(failed.map(({ row, line }) => ({ row, line }))).toEqual(
        expected.bad.map(({ row, line }) => ({ row, line })),
      );
      for (const [index, bad] of expected.bad.entries()) expect(failed[index]?.codes).toContain(bad.code);
      expect(await countEvents('contact.created')).toBe(expected.good);
      const updated = await countEvents('contact.updated');

      const again = await upload(bytes, '&again=true');
      expect(again.body).toMatchObject({ status: 'completed', created: 0, updated: 0, unchanged: expected.good });
      expect(await countEvents('contact.created')).toBe(expected.good);
      expect(await countEvents('contact.updated')).toBe(updated);
      const { rows } = await app.database.owner.query<{ events: number }>(
        `select count(*)::int as events from events where workspace_id = $1 and type = 'contact.created' group by subject_id having count(*) > 1`,
        [workspace.id],
      );
      expect(rows).toEqual([]);
    },
    120_000,
  );
});

it('answers the first run when the same file comes again within a day', async () => {
  const first = await upload(PEOPLE);
  const again = await owner.request('POST', 'ingest/files?source=test', PEOPLE, { 'content-type': 'text/csv' });
  expect(again.status).toBe(200);
  expect(again.body.id).toBe(first.body.id);
});

it('does a dry run with the counts of the real one, and writes nothing but the run', async () => {
  const before = await app.database.owner.query('select count(*)::int as n from events where workspace_id = $1', [
    workspace.id,
  ]);
  const dry = await upload(PEOPLE, '&dry_run=true');
  expect(dry.body).toMatchObject({ status: 'completed', is_dry_run: true, created: 2 });
  expect((await owner.get('contacts')).body.items).toEqual([]);
  const after = await app.database.owner.query(
    'select count(*)::int as n from events where workspace_id = $1 and type like $2',
    [workspace.id, 'contact.%'],
  );
  expect(after.rows[0]).toEqual(before.rows[0]);
  const real = await upload(PEOPLE);
  expect(real.body.created).toBe(dry.body.created);
});

it('lets the good rows land when one is bad, and gives the bad one back for repair', async () => {
  const rows = ['Ada', 'Alan', '', 'Grace', 'Edsger'].map(
    (name, index) => `${name},${name === '' ? '' : `p${index}@example.com`},x`,
  );
  const run = await upload(`First Name,Email,Notes\n${rows.join('\n')}\n`);
  expect(run.body.created + run.body.skipped + run.body.errors).toBe(5);
  const broken = await upload('First Name,Email\nAda,ada2@example.com\nA,b,too,many\n');
  expect(broken.body).toMatchObject({ created: 1, errors: 1 });
  const csv = await owner.get(`ingest/runs/${broken.body.id}/rows.csv`);
  expect(csv.status).toBe(200);
  expect(csv.text).toMatch(/^First Name,Email,engawa_row,engawa_error\r\n/);
  expect(csv.text.trim().split('\r\n')).toHaveLength(2);
  const repaired = await upload('First Name,Email,engawa_row,engawa_error\r\nA,b@example.com,2,too many\r\n');
  expect(repaired.body.created).toBe(1);
});

it('previews what would land, with a confidence for each column, and writes nothing', async () => {
  const answer = await owner.post('ingest/preview', { source: 'test', payload: PEOPLE });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ format: 'csv', entity: 'contact', delimiter: ',' });
  expect(answer.body.columns[2]).toMatchObject({ column: 'Email' });
  expect(answer.body.rows).toHaveLength(2);
  expect((await owner.get('ingest/runs')).body.items).toEqual([]);
});

it('refuses unknown targets, formats, entities and options with a pointer', async () => {
  const cases: [object, string][] = [
    [{ mapping: { Email: 'emial' } }, '/mapping/Email'],
    [{ format: 'xlsx' }, '/format'],
    [{ entity: 'persn' }, '/entity'],
    [{ options: { on_match: 'merge' } }, '/options/on_match'],
    [{ options: { colour: 'red' } }, '/options/colour'],
  ];
  for (const [extra, pointer] of cases) {
    const answer = await owner.post('ingest', { source: 'test', payload: PEOPLE, ...extra });
    expect([pointer, answer.status, answer.body.errors?.[0]?.pointer]).toEqual([pointer, 422, pointer]);
  }
});

it('answers 422 to bytes that are no such format, and keeps no run', async () => {
  const answer = await owner.post('ingest', { source: 'test', format: 'json', payload: 'no json at all' });
  expect(answer.status).toBe(422);
  expect(answer.body.type).toMatch(/unreadable-payload$/);
  expect((await owner.get('ingest/runs')).body.items).toEqual([]);
});

it('takes a multipart file with its mapping', async () => {
  const form = new FormData();
  form.set('file', new Blob(['Wer,Wo\nAda,ada3@example.com\n'], { type: 'text/csv' }), 'leute.csv');
  form.set('mapping', JSON.stringify({ Wer: 'first_name', Wo: 'email' }));
  const response = await fetch(`${app.url}/api/v1/ingest/files?source=form`, {
    method: 'POST',
    headers: { authorization: `Bearer ${owner.key}` },
    body: form,
  });
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };
  expect((await finished(id)).body).toMatchObject({ status: 'completed', created: 1, file_name: 'leute.csv' });
});

it('runs a request once for each Idempotency-Key', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      owner.post('ingest', { source: 'test', payload: PEOPLE }, { 'idempotency-key': 'once' }),
    ),
  );
  expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
  expect((await owner.get('ingest/runs')).body.items).toHaveLength(1);
  expect(await countEvents('contact.created')).toBe(2);
});

it('keeps the source of a run when its Idempotency-Key comes with another request', async () => {
  const key = { 'idempotency-key': 'kept' };
  const first = await owner.post('ingest', { source: 'test', payload: PEOPLE }, key);
  const storage = app.app.nest.get(Storage);
  const stored = async () => text(storage.read(`${workspace.id}/ingest/${first.body.id}`));
  expect(await stored()).toBe(PEOPLE);
  expect((await owner.post('ingest', { source: 'test', payload: 'email\nother@example.com\n' }, key)).status).toBe(422);
  expect(await stored()).toBe(PEOPLE);
});

it('refuses parameters and parts of a form that no text column can store, and nesting without end', async () => {
  const type = { 'content-type': 'text/csv' };
  const bad = ['{"a\\u0000b": "email"}', '{"a\\ud800b": "email"}', '['.repeat(50_000) + ']'.repeat(50_000)];
  for (const query of [
    'source=a%00b',
    `options=${encodeURIComponent('{"charset": "a\\u0000"}')}`,
    ...bad.slice(0, 2).map((mapping) => `mapping=${encodeURIComponent(mapping)}`),
  ]) {
    expect([query, (await owner.request('POST', `ingest/files?${query}`, PEOPLE, type)).status]).toEqual([query, 422]);
  }
  const sent = (mapping: string, name: string) =>
    owner.request(
      'POST',
      'ingest/files',
      `--b\r\nContent-Disposition: form-data; name="mapping"\r\n\r\n${mapping}\r\n` +
        `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n${PEOPLE}\r\n--b--\r\n`,
      { 'content-type': 'multipart/form-data; boundary=b' },
    );
  for (const mapping of bad) expect((await sent(mapping, 'a.csv')).status).toBe(422);
  expect((await sent('{}', 'a\0b.csv')).body).toMatchObject({ file_name: 'ab.csv' });
});

it('closes what a download of rows reads when the client goes away', async () => {
  const { body } = await owner.post('ingest', { source: 'test', payload: PEOPLE });
  const rows = app.app.nest.get(FailedRowsCsv);
  let isClosed = false;
  // More than any socket takes: the download must be waiting when the client leaves.
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) yield await Promise.resolve('x'.repeat(65_536));
    } finally {
      isClosed = true;
    }
  }
  const opened = jest.spyOn(rows, 'open').mockImplementation(() => Promise.resolve(endless()));
  try {
    const left = new AbortController();
    const response = await fetch(`${app.url}/api/v1/ingest/runs/${body.id}/rows.csv`, {
      headers: { authorization: `Bearer ${owner.key}` },
      signal: left.signal,
    });
    await response.body?.getReader().read();
    left.abort();
    await until('the source is closed', () => Promise.resolve(isClosed));
  } finally {
    opened.mockRestore();
  }
});

it('stops at a cancel, and a second cancel is 409', async () => {
  const { bytes } = wholeExport(googleContactsCsv({ rows: 5_000, badEvery: 1_000, seed: 3 }));
  const sent = await owner.request('POST', 'ingest/files?source=test', bytes, { 'content-type': 'text/csv' });
  const cancelled = await owner.post(`ingest/runs/${sent.body.id}/cancel`);
  expect(cancelled.body.status).toBe('cancelled');
  expect((await owner.post(`ingest/runs/${sent.body.id}/cancel`)).status).toBe(409);
  const run = await finished(sent.body.id);
  expect(run.body.position).toBeLessThan(5_000);
});
