import { googleContactsCsv, wholeExport } from '../support/contacts-export.js';
import {
  endProcesses,
  type Installation,
  newInstallation,
  OWNER_KEY,
  type ServerProcess,
} from '../support/server-process.js';
import type { Json } from '../support/app.js';
import { until } from '../support/until.js';

/** What kill -9 must come to within: lease 30 s, reaper 5 s, backoff. The house promises 60 s. */
const RECOVERY_MS = 60_000;
/** Time for the work itself, generous, for the machine may be busy. */
const WORK_MS = 60_000;

const { bytes, expected } = wholeExport(googleContactsCsv({ rows: 10_400, badEvery: 97, seed: 11 }));

let installation: Installation;

beforeAll(async () => {
  // Small batches, so that there is a middle to be killed in.
  installation = await newInstallation({ INGEST_BATCH_SIZE: '250' });
});

afterAll(() => installation.remove(), 60_000);

async function upload(server: ServerProcess, more = ''): Promise<string> {
  const path = `ingest/files?source=export${more}`;
  const { status, body } = await server.as(OWNER_KEY).request('POST', path, bytes, { 'content-type': 'text/csv' });
  expect(status).toBe(202);
  return body.id;
}

const position = (run: string): Promise<number> =>
  installation.database.owner
    .query<{ position: number }>('select position from ingest_runs where id = $1', [run])
    .then(({ rows }) => rows[0]?.position ?? 0);

async function over(server: ServerProcess, run: string, within_ms: number): Promise<Json> {
  const isOver = () => installation.count(`ingest_runs where id = $1 and finished_at is not null`, [run]);
  await until('the run is over', async () => (await isOver()) === 1, { within_ms, every_ms: 100 });
  const { body } = await server.as(OWNER_KEY).get(`ingest/runs/${run}`);
  return body;
}

it('an ingest of 10,400 rows that is killed twice goes on by itself and ends as if it never had been', async () => {
  let server = await installation.start();
  const run = await upload(server);

  await until('some batches are written', async () => (await position(run)) >= 1_000);
  await server.end('SIGKILL');
  const first = await position(run);
  expect(first).toBeLessThan(expected.rows);

  server = await installation.start();
  await until('the run goes on', async () => (await position(run)) >= first + 3_000, {
    within_ms: RECOVERY_MS + WORK_MS,
  });
  await server.end('SIGKILL');
  const second = await position(run);
  expect(second).toBeLessThan(expected.rows);

  // The second wait is spared: the lease of the dead worker ends now.
  await installation.database.owner.query(
    `update jobs set lease_until = now() where kind = 'ingest.run' and state = 'leased'`,
  );
  server = await installation.start();
  const ended = await over(server, run, WORK_MS);
  expect(ended).toMatchObject({
    status: 'completed',
    record_count: expected.rows,
    position: expected.rows,
    created: expected.good,
    updated: 0,
    errors: expected.bad.length,
  });

  const { owner } = installation.database;
  const contacts = await owner.query<{ email: string }>('select email from contacts order by email collate "C"');
  expect(contacts.rows.map(({ email }) => email)).toEqual([...expected.emails].sort());
  expect(await installation.count(`events where type = 'contact.created'`)).toBe(expected.good);
  expect(
    await installation.count(
      `contacts c where (select count(*) from events e where e.type = 'contact.created' and e.subject_id = c.id) <> 1`,
    ),
  ).toBe(0);
  expect(await installation.count('ingest_rows where run_id = $1', [run])).toBe(expected.rows);
  const failed = await owner.query<{ row: number; line: number; codes: string[] }>(
    `select row, line, array(select one ->> 'code' from jsonb_array_elements(diagnostics) one where one ->> 'level' = 'error') as codes
     from ingest_rows where run_id = $1 and outcome = 'failed' order by row`,
    [run],
  );
  expect(failed.rows.map(({ row, line }) => ({ row, line }))).toEqual(
    expected.bad.map(({ row, line }) => ({ row, line })),
  );
  expected.bad.forEach(({ code }, index) => expect(failed.rows[index]?.codes).toContain(code));
  for (const type of ['ingest.started', 'ingest.completed'])
    expect([type, await installation.count('events where type = $1', [type])]).toEqual([type, 1]);
  expect(await installation.count(`jobs where kind = 'ingest.run'`)).toBe(0);

  const events = await installation.count(`events where type like 'contact.%' or type like 'company.%'`);
  const again = await over(server, await upload(server, '&again=true'), WORK_MS);
  expect(again).toMatchObject({ status: 'completed', created: 0, updated: 0, unchanged: expected.good });
  expect(await installation.count(`events where type like 'contact.%' or type like 'company.%'`)).toBe(events);
  await endProcesses();
}, 240_000);
