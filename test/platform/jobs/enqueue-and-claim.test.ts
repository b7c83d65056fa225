import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { SystemDatabase } from '../../../src/platform/database/system-database.js';
import { Handles } from '../../../src/platform/jobs/handles.decorator.js';
import type { Job, JobEnd } from '../../../src/platform/jobs/job.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { type JobsBench, startJobs } from './bench-app.js';

const runs: { kind: string; payload: unknown; attempt: number; workspace_id: string; run: number }[] = [];
let behave: (job: Job) => Promise<JobEnd | void> = () => Promise.resolve();

@Injectable()
class Handlers {
  @Handles('test.note')
  note(job: Job): Promise<JobEnd | void> {
    runs.push({ ...job, run: runs.length });
    return behave(job);
  }

  @Handles('test.twice', { max_attempts: 2 })
  async twice(job: Job): Promise<JobEnd | void> {
    await this.note(job);
  }
}

let database: TestDatabase;
let bench: JobsBench;
let workspace: string;
beforeAll(async () => {
  database = await createTestDatabase();
  bench = await startJobs(database, Handlers);
});
afterAll(async () => {
  await bench.close();
  await database.drop();
});
beforeEach(async () => {
  workspace = randomUUID();
  runs.length = 0;
  behave = () => Promise.resolve();
  await database.owner.query('delete from jobs');
});

async function rows(): Promise<Record<string, unknown>[]> {
  return (await database.owner.query<Record<string, unknown>>('select * from jobs order by created_at')).rows;
}

it('runs a committed job once, in its workspace, and removes it', async () => {
  await bench.enqueue(workspace, 'test.note', { n: 1 });
  await bench.workers.drain();
  expect(runs).toMatchObject([{ kind: 'test.note', payload: { n: 1 }, attempt: 1, workspace_id: workspace }]);
  expect(await rows()).toEqual([]);
});

it('knows nothing of a job whose transaction was rolled back', async () => {
  const failed = bench.inWorkspace(workspace, async () => {
    await bench.jobs.enqueue('test.note', {});
    await bench.jobs.enqueue('test.note', {}, { key: 'k' });
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect(await rows()).toEqual([]);
});

it('writes what a consumer enqueues in its staff transaction, and takes it back when the consumer fails', async () => {
  const system = bench.app.get(SystemDatabase);
  const consume = (work: () => Promise<unknown>) =>
    system.inWorkspace(systemPrincipal(workspace), { via: 'system', depth: 2 }, work);
  await system.transaction(async () => {
    await consume(() => bench.jobs.enqueueMany('test.note', [{ payload: { n: 1 } }, { payload: { n: 2 }, key: 'k' }]));
    const failed = consume(async () => {
      await bench.jobs.enqueueMany('test.note', [{ payload: { n: 3 } }, { payload: { n: 4 }, key: 'l' }]);
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
  });
  expect(await rows()).toMatchObject([
    { workspace_id: workspace, depth: 2 },
    { workspace_id: workspace, depth: 2 },
  ]);
  await bench.workers.drain();
  expect(runs.map((run) => run.payload)).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }]));
  expect(runs).toHaveLength(2);
});

it('refuses a payload above 16 KiB and a call outside a transaction', async () => {
  await expect(bench.enqueue(workspace, 'test.note', { text: 'x'.repeat(16_384) })).rejects.toThrow('16 KiB');
  await expect(bench.jobs.enqueue('test.note', {})).rejects.toThrow();
});

it('keeps one job that has not started per key, with the earlier time and the newer payload', async () => {
  const ids = await bench.inWorkspace(workspace, () =>
    bench.jobs.enqueueMany('test.note', [
      { payload: { n: 1 }, key: 'k', after_ms: 60_000 },
      { payload: { n: 2 }, key: 'k', after_ms: 90_000 },
      { payload: { n: 3 } },
    ]),
  );
  expect(ids[0]).toBe(ids[1]);
  expect(new Set(ids).size).toBe(2);
  expect(await bench.enqueue(workspace, 'test.note', { n: 4 }, { key: 'k', after_ms: 30_000 })).toBe(ids[0]);
  const [job] = (await rows()).filter((row) => row['key'] === 'k');
  expect(job).toMatchObject({ state: 'waiting', payload: { n: 4 } });
  expect(await bench.enqueue(workspace, 'test.note', { n: 5 }, { key: 'k' })).toBe(ids[0]);
  await bench.workers.drain();
  expect(new Set(runs.map((run) => (run.payload as { n: number }).n))).toEqual(new Set([3, 5]));
  expect(runs).toHaveLength(2);
});

it('waits for run_at, counted by the clock of the database', async () => {
  await bench.enqueue(workspace, 'test.note', {}, { run_at: new Date(Date.now() + 3_600_000) });
  await bench.enqueue(workspace, 'test.note', {}, { after_ms: 3_600_000 });
  await bench.workers.drain();
  expect(runs).toEqual([]);
  await bench.workers.drain({ all: true });
  expect(runs).toHaveLength(2);
});

it('retries a failure with backoff and parks it after its last attempt', async () => {
  behave = () => Promise.reject(new Error('broken'));
  await bench.enqueue(workspace, 'test.twice', {});
  await bench.workers.drain();
  const { rows: waits } = await database.owner.query<{ wait: number; state: string }>(
    'select state, extract(epoch from run_at - now())::float8 as wait from jobs',
  );
  expect(waits[0]?.state).toBe('waiting');
  expect(waits[0]?.wait).toBeGreaterThan(4);
  expect(waits[0]?.wait).toBeLessThan(5.6);
  await bench.workers.drain({ all: true });
  expect(runs.map((run) => run.attempt)).toEqual([1, 2]);
  expect(await rows()).toMatchObject([{ state: 'parked', attempt: 2, last_error: 'Error: broken', lease_until: null }]);
});

it('snoozes uncounted, repeats counted, and parks on demand', async () => {
  const ends = [
    (job: Job) => job.again({ after_ms: 60_000, counted: false }),
    (job: Job) => job.again({ after_ms: 60_000, counted: true }),
    (job: Job) => job.park('enough'),
  ];
  behave = (job) => Promise.resolve(ends.shift()?.(job));
  await bench.enqueue(workspace, 'test.note', {});
  await bench.workers.drain({ all: true });
  expect(runs.map((run) => run.attempt)).toEqual([1, 1, 2]);
  expect(await rows()).toMatchObject([{ state: 'parked', last_error: 'enough' }]);
});

it('writes the result and removes the job in one transaction, and a failed write leaves the job', async () => {
  let isFailing = true;
  behave = (job) =>
    job.complete(async () => {
      await bench.jobs.enqueue('test.twice', {});
      if (isFailing) throw new Error('half');
    });
  await bench.enqueue(workspace, 'test.note', {});
  await bench.workers.drain();
  expect(await rows()).toMatchObject([{ kind: 'test.note', state: 'waiting', attempt: 1, last_error: 'Error: half' }]);
  isFailing = false;
  behave = async (job) => {
    if (job.kind === 'test.note') await job.complete(async () => void (await bench.jobs.enqueue('test.twice', {})));
  };
  await bench.workers.drain({ all: true });
  expect(runs.map((run) => run.kind)).toEqual(['test.note', 'test.note', 'test.twice']);
  expect(await rows()).toEqual([]);
});

it('serves every workspace and lane, whoever comes first', async () => {
  const workspaces = Array.from({ length: 70 }, () => randomUUID());
  for (const one of workspaces) {
    await bench.inWorkspace(one, () =>
      bench.jobs.enqueueMany(
        'test.note',
        ['a', 'b', 'c'].map((lane) => ({ payload: { lane }, lane })),
      ),
    );
  }
  await bench.workers.drain();
  expect(new Set(runs.map((run) => `${run.workspace_id} ${JSON.stringify(run.payload)}`)).size).toBe(210);
  expect(runs).toHaveLength(210);
});

it('leaves kinds that nobody handles where they are', async () => {
  await bench.inWorkspace(workspace, () =>
    bench.jobs.enqueueMany(
      'test.future',
      Array.from({ length: 300 }, (_, n) => ({ payload: {}, lane: `lane ${n}` })),
    ),
  );
  await bench.enqueue(workspace, 'test.note', {});
  await bench.workers.drain();
  expect(runs).toHaveLength(1);
  expect(await rows()).toHaveLength(300);
});
