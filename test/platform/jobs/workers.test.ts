import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Actor } from '../../../src/contracts/events.js';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Handles } from '../../../src/platform/jobs/handles.decorator.js';
import type { Job, JobEnd } from '../../../src/platform/jobs/job.js';
import { Jobs } from '../../../src/platform/jobs/jobs.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { until } from '../../support/until.js';
import { type JobsBench, startJobs } from './bench-app.js';

type Run = { readonly job: Job; end(result?: JobEnd): void; fail(error: Error): void };

const runs: Run[] = [];
const gone: string[] = [];
const failures: string[] = [];
let contexts: Context;

@Injectable()
class Handlers {
  constructor(
    context: Context,
    private readonly jobs: Jobs,
  ) {
    contexts = context;
  }

  /** Stays under way until the test ends it. */
  @Handles('test.held')
  held(job: Job): Promise<JobEnd | void> {
    return new Promise((resolve, reject) => {
      runs.push({ job, end: resolve, fail: reject });
      job.signal.addEventListener('abort', () => reject(job.signal.reason as Error));
    });
  }

  /** Writes a result when the test lets it. */
  @Handles('test.result')
  async result(job: Job): Promise<void> {
    await new Promise<void>((resolve) => runs.push({ job, end: () => resolve(), fail: () => resolve() }));
    await job
      .complete(async () => void (await this.jobs.enqueue('test.written', {})))
      .catch((error: Error) => {
        failures.push(error.constructor.name);
        throw error;
      });
  }

  @Handles('test.caller', { as: 'caller', on_caller_gone: 'forget' })
  caller(job: Job): Promise<JobEnd | void> {
    return this.held(job);
  }

  forget(job: Job): Promise<void> {
    gone.push(`${job.id} ${contexts.principal().name}`);
    return Promise.resolve();
  }
}

let database: TestDatabase;
let bench: JobsBench;
let workspace: string;
beforeAll(async () => {
  database = await createTestDatabase();
  bench = await startJobs(database, Handlers, {
    concurrency: 8,
    settings: {
      lease_ms: 1_500,
      heartbeat_ms: 100,
      reap_ms: 200,
      poll_ms: 200,
      shutdown_ms: 100,
      backoff_base_ms: 60_000,
    },
  });
  bench.workers.start();
});
afterAll(async () => {
  await bench.close();
  await database.drop();
});
beforeEach(() => {
  workspace = randomUUID();
});
afterEach(async () => {
  for (const run of runs.splice(0)) run.end();
  await until('quiet', async () => {
    for (const run of runs.splice(0)) run.end();
    const { rows } = await database.owner.query(`select from jobs where state in ('ready', 'leased')`);
    return rows.length === 0;
  });
  await database.owner.query('delete from jobs');
});

async function flood(lane: string, count: number, of = workspace): Promise<void> {
  await bench.inWorkspace(of, () =>
    bench.jobs.enqueueMany(
      'test.held',
      Array.from({ length: count }, () => ({ payload: { lane }, lane })),
    ),
  );
}

const inLane = (lane: string) => runs.filter(({ job }) => (job.payload as { lane: string }).lane === lane);

it('lets a hanging lane hold a quarter of the slots, so that another lane starts at once', async () => {
  await flood('hanging', 50);
  await until('the lane has its share', () => inLane('hanging').length === 2);
  const began = performance.now();
  await flood('other', 1);
  await until('the other starts', () => inLane('other').length === 1);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(inLane('hanging')).toHaveLength(2);
});

it('lets a workspace hold three quarters, so that a stranger starts at once', async () => {
  for (let lane = 0; lane < 20; lane++) await flood(`lane ${lane}`, 3);
  await until('the workspace has its share', () => runs.length === 6);
  await flood('stranger', 1, randomUUID());
  await until('the stranger starts', () => inLane('stranger').length === 1);
  expect(runs).toHaveLength(7);
});

it('fires the signal of a running job that is deleted, and removes it when it stops', async () => {
  const id = await bench.enqueue(workspace, 'test.held', {});
  await until('it runs', () => runs.length === 1);
  await database.owner.query('update jobs set cancelled_at = now() where id = $1', [id]);
  await until('its signal fires', () => runs[0]!.job.signal.aborted);
  const stopped = performance.now();
  await until('it is gone', async () => (await database.owner.query('select from jobs')).rows.length === 0);
  expect(performance.now() - stopped).toBeLessThan(1_000);
});

it('fires the signal of a job whose lease another worker has, and accepts no result of it', async () => {
  const id = await bench.enqueue(workspace, 'test.result', {});
  await until('it runs', () => runs.length === 1);
  await database.owner.query(
    `update jobs set token = token + 1, lease_until = now() + interval '1 hour' where id = $1`,
    [id],
  );
  await until('its signal fires', () => runs[0]!.job.signal.aborted);
  runs.shift()!.end();
  await until('it has tried', () => failures.length === 1);
  expect(failures).toEqual(['LeaseLost']);
  const { rows } = await database.owner.query('select state, id from jobs');
  expect(rows).toEqual([{ state: 'leased', id }]);
  await database.owner.query('delete from jobs');
});

it('folds a failed run into the wake-up that came meanwhile, with its attempts', async () => {
  const first = await bench.enqueue(workspace, 'test.held', { n: 1 }, { key: 'k' });
  await until('it runs', () => runs.length === 1);
  const second = await bench.enqueue(workspace, 'test.held', { n: 2 }, { key: 'k' });
  expect(second).not.toBe(first);
  runs.shift()!.fail(new Error('broken'));
  await until('the wake-up runs', () => runs.length === 1);
  expect(runs[0]!.job).toMatchObject({ id: second, attempt: 2, payload: { n: 2 } });
  const { rows } = await database.owner.query('select id, last_error from jobs');
  expect(rows).toEqual([{ id: second, last_error: 'Error: broken' }]);
});

it('runs work of a caller as the caller, and parks it when the caller is gone', async () => {
  const actor: Actor = { type: 'api_key', id: randomUUID(), name: 'A key' };
  const id = await bench.context.runAs(systemPrincipal(workspace, actor), { via: 'rest' }, () =>
    bench.db.transaction(() => bench.jobs.enqueue('test.caller', {})),
  );
  await until(
    'it is parked',
    async () => (await database.owner.query(`select from jobs where state = 'parked'`)).rows.length === 1,
  );
  const { rows } = await database.owner.query('select last_error, attempt from jobs');
  expect(rows).toEqual([{ last_error: 'caller-gone', attempt: 1 }]);
  expect(gone).toEqual([`${id} A key`]);
  const { rows: events } = await database.owner.query(
    `select data, actor_name from events where type = 'job.parked' and subject_id = $1`,
    [id],
  );
  expect(events).toMatchObject([{ data: { id, kind: 'test.caller', attempts: 1, error: 'caller-gone' } }]);
});

it('starts an enqueued job at once when idle', async () => {
  const delays: number[] = [];
  for (let n = 0; n < 20; n++) {
    const began = performance.now();
    await bench.enqueue(workspace, 'test.held', {});
    await until('it runs', () => runs.length === 1, { every_ms: 1 });
    delays.push(performance.now() - began);
    runs.shift()!.end();
  }
  // Far below the poll, so it is the wake-up that starts it; bench/ states the figure.
  expect(delays.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
});
