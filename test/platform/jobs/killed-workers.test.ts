import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { endWorkers, startWorker, type WorkerProcess } from '../../support/jobs-processes.js';
import { until } from '../../support/until.js';
import { type JobsBench, startJobs } from './bench-app.js';

/** The documented times, divided by about twenty. */
const settings = { lease_ms: 1_500, heartbeat_ms: 400, reap_ms: 250, poll_ms: 100, backoff_base_ms: 100 };

@Injectable()
class NoHandlers {}

let database: TestDatabase;
let bench: JobsBench;
let workspace: string;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.owner.query(`
    create table effects (workspace_id uuid not null default app.workspace_id(), n integer, pid integer);
    create table intervals (workspace_id uuid not null default app.workspace_id(), key text, began timestamptz, ended timestamptz);
    select app.protect('effects'), app.protect('intervals')`);
  bench = await startJobs(database, NoHandlers);
});
afterAll(async () => {
  await bench.close();
  await database.drop();
});
beforeEach(async () => {
  workspace = randomUUID();
  await database.owner.query('truncate jobs, effects, intervals');
});
afterEach(() => endWorkers());

async function count(sql: string): Promise<number> {
  const { rows } = await database.owner.query<{ count: number }>(sql);
  return rows[0]?.count ?? -1;
}
const jobsLeft = (state = '%') => count(`select count(*) from jobs where state like '${state}'`);
const effects = () => count('select count(*) from effects');

it('loses and repeats no effect while workers are killed', async () => {
  const jobs = 2_000;
  for (let n = 0; n < jobs; n += 1_000) {
    const items = Array.from({ length: 1_000 }, (_, index) => ({
      payload: { n: n + index, ms: 15 },
      lane: `lane ${index % 4}`,
    }));
    await bench.inWorkspace(workspace, () => bench.jobs.enqueueMany('test.effect', items));
  }
  const workers: WorkerProcess[] = await Promise.all([1, 2, 3].map(() => startWorker(database, settings)));
  for (let kills = 0; kills < 3; kills++) {
    const seen = await effects();
    await until('some progress', async () => (await effects()) > seen + 100 || (await jobsLeft()) === 0);
    await workers.shift()?.end('SIGKILL');
    workers.push(await startWorker(database, settings));
  }
  await until('an empty queue', async () => (await jobsLeft()) === 0, { within_ms: 45_000 });
  expect(await effects()).toBe(jobs);
  expect(await count('select count(distinct n) from effects')).toBe(jobs);
});

it('refuses the result of a worker that was stopped for longer than its lease', async () => {
  const first = await startWorker(database, settings);
  const id = await bench.enqueue(workspace, 'test.effect', { n: 1, ms: 300 });
  await until('the first worker is at it', () => first.begun.includes(id));
  first.child.kill('SIGSTOP');
  const second = await startWorker(database, settings);
  await until('the second has taken over and finished', async () => (await effects()) === 1);
  first.child.kill('SIGCONT');
  const after = await bench.enqueue(workspace, 'test.effect', { n: 2 }, { lane: 'other' });
  await until('the first worker is awake', async () => (await effects()) === 2 && (await jobsLeft()) === 0);
  await until('the first worker works on', async () => {
    if (first.begun.length > 1) return true;
    await bench.enqueue(workspace, 'test.effect', { n: 3 }, { lane: randomUUID() });
    return false;
  });
  expect(second.begun).toContain(id);
  expect(after).toBeDefined();
  const { rows } = await database.owner.query<{ pid: number }>('select pid from effects where n = 1');
  expect(rows).toEqual([{ pid: second.child.pid }]);
});

it('parks a job that ends its process, and does the others', async () => {
  await bench.enqueue(workspace, 'test.crash', {}, { max_attempts: 2 });
  for (let claims = 0; claims < 2; claims++) {
    const worker = await startWorker(database, settings).catch(() => undefined);
    await until('it has killed its process', () => !worker || worker.child.signalCode === 'SIGKILL');
  }
  await startWorker(database, settings);
  await bench.enqueue(workspace, 'test.effect', { n: 1 });
  await until(
    'it is parked and the other is done',
    async () => (await jobsLeft('parked')) === 1 && (await effects()) === 1,
  );
  const { rows } = await database.owner.query('select attempt, state from jobs');
  expect(rows).toEqual([{ attempt: 2, state: 'parked' }]);
});

it('never runs two jobs of one key side by side, and a hundred wake-ups during a run give one more run', async () => {
  await Promise.all([1, 2, 3].map(() => startWorker(database, settings)));
  const wake = (n: number) =>
    bench.enqueue(workspace, 'test.interval', { ms: n === 0 ? 2_500 : 10, n }, { key: 'the key' });
  await wake(0);
  await until('the run is under way', async () => (await jobsLeft('leased')) === 1);
  for (let n = 1; n <= 100; n++) await wake(n);
  await until('quiet', async () => (await jobsLeft()) === 0);
  expect(await count('select count(*) from intervals')).toBe(2);
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let n = 0; n < 12; n++) await bench.enqueue(workspace, 'test.interval', { ms: 20 }, { key: `key ${n % 3}` });
    }),
  );
  await until('quiet', async () => (await jobsLeft()) === 0);
  const overlaps =
    'select count(*) from intervals a join intervals b on a.key = b.key and a.began < b.began and b.began < a.ended';
  expect(await count(overlaps)).toBe(0);
  expect(await count('select count(*) from intervals')).toBeGreaterThanOrEqual(5);
});

it('hands back at SIGTERM what is unfinished, uncounted, and another worker goes on at once', async () => {
  const first = await startWorker(database, { ...settings, lease_ms: 30_000, shutdown_ms: 500 });
  const stubborn = await bench.enqueue(workspace, 'test.effect', { n: 1, ms: 2_000 });
  const heedful = await bench.enqueue(workspace, 'test.effect', { n: 2, ms: 60_000, heeds: true });
  await until('both are under way', () => first.begun.length === 2);
  const { code, took_ms } = await first.end('SIGTERM');
  expect(code).toBe(0);
  expect(took_ms).toBeLessThan(3_000);
  const { rows } = await database.owner.query<{ id: string }>('select id, state, attempt from jobs order by id');
  expect(rows).toEqual([stubborn, heedful].toSorted().map((id) => ({ id, state: 'ready', attempt: 0 })));
  const second = await startWorker(database, settings);
  await until('the other goes on', () => second.begun.length === 2);
});

it('runs committed jobs of a process that was killed right after, and starts no retry early though its clock is ahead', async () => {
  await bench.enqueue(workspace, 'test.fail', {}, { max_attempts: 5 });
  const ahead = await startWorker(database, { ...settings, backoff_base_ms: 60_000 }, { skew_ms: 3_600_000 });
  await until('it has failed once', async () => (await jobsLeft('waiting')) === 1);
  await bench.enqueue(workspace, 'test.effect', { n: 1 });
  await until('it polls on', async () => (await effects()) === 1);
  expect(ahead.begun.filter((id, index, all) => all.indexOf(id) !== index)).toEqual([]);
  expect(await count(`select count(*) from jobs where run_at > now() + interval '50 s'`)).toBe(1);
});

it('goes on after the database has cut all connections in the middle of the work', async () => {
  const items = Array.from({ length: 600 }, (_, n) => ({ payload: { n, ms: 10 }, lane: `lane ${n % 4}` }));
  await bench.inWorkspace(workspace, () => bench.jobs.enqueueMany('test.effect', items));
  const workers = await Promise.all([1, 2].map(() => startWorker(database, settings)));
  await until('the work is under way', async () => (await effects()) > 100);
  await database.owner.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'engawa%'`,
  );
  await until('an empty queue', async () => (await jobsLeft()) === 0);
  expect(await count('select count(distinct n) from effects')).toBe(600);
  expect(await effects()).toBe(600);
  expect(workers.map(({ child }) => child.exitCode)).toEqual([null, null]);
});
