import { randomUUID } from 'node:crypto';
import { type Caller, startTestApp, type TestApp } from '../../support/app.js';
import { ParkedJobs } from '../../../src/platform/jobs/parked-jobs.js';

let app: TestApp;
let owner: Caller;
let other: Caller;
beforeAll(async () => {
  app = await startTestApp({ http: { role: 'api' } });
  owner = app.workspace.owner;
  other = (await app.newWorkspace()).owner;
});
afterAll(() => app.close());
beforeEach(() => app.database.owner.query('delete from jobs'));

async function insert(values: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const row = {
    workspace_id: app.workspace.id,
    id: randomUUID(),
    kind: 'test.note',
    lane: 'test.note',
    actor: '{"type":"system","id":null,"name":"Engawa"}',
    via: 'system',
    state: 'ready',
    ...values,
  };
  const names = Object.keys(row);
  await app.database.owner.query(
    `insert into jobs (${names.join(', ')}) values (${names.map((_name, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  );
  return row.id;
}

const parked = { state: 'parked', parked_at: new Date(), attempt: 10, last_error: 'Error: the sky fell' };
const leased = { state: 'leased', lease_until: new Date(Date.now() + 60_000), attempt: 1 };

async function eventsOf(type: string): Promise<string[]> {
  const { rows } = await app.database.owner.query<{ subject_id: string }>(
    'select subject_id from events where type = $1',
    [type],
  );
  return rows.map((row) => row.subject_id);
}

it('lists jobs oldest first, by state and kind, and counts them', async () => {
  const first = await insert({ created_at: '2026-01-01T00:00:00Z', ...parked });
  const second = await insert({ created_at: '2026-01-02T00:00:00Z', kind: 'test.other', payload: '{"n":1}' });
  const all = await owner.get('jobs?count=true');
  expect(all.status).toBe(200);
  expect(all.body.items.map((job: { id: string }) => job.id)).toEqual([first, second]);
  expect(all.body.count).toBe(2);
  expect(all.body.items[1]).toMatchObject({ kind: 'test.other', state: 'ready', payload: { n: 1 }, key: null });
  const some = await owner.get('jobs?state=parked&last_error.contains=SKY');
  expect(some.body.items).toHaveLength(1);
  const page = await owner.get('jobs?limit=1');
  const next = await owner.get(`jobs?limit=1&cursor=${page.body.next_cursor}`);
  expect(next.body.items[0].id).toBe(second);
  const summary = await owner.get('jobs/summary');
  expect(summary.body.items).toMatchObject([
    { kind: 'test.note', waiting: 0, ready: 0, leased: 0, parked: 1, oldest_ready_age_ms: null },
    { kind: 'test.other', ready: 1 },
  ]);
  expect(summary.body.items[1].oldest_ready_age_ms).toBeGreaterThanOrEqual(0);
});

it('asks for workspace:admin, and for a credential', async () => {
  const id = await insert();
  expect((await app.anonymous.get('jobs')).status).toBe(401);
  const admin = await app.workspace.key('admin');
  for (const answer of [
    admin.get('jobs'),
    admin.get(`jobs/${id}`),
    admin.post(`jobs/${id}/retry`),
    admin.delete(`jobs/${id}`),
  ]) {
    expect((await answer).status).toBe(403);
  }
});

it('answers a finished job, a foreign one and no id at all alike', async () => {
  const id = await insert(parked);
  for (const [caller, path] of [
    [other, id],
    [owner, randomUUID()],
    [owner, 'nonsense'],
  ] as const) {
    for (const answer of [
      await caller.get(`jobs/${path}`),
      await caller.post(`jobs/${path}/retry`),
      await caller.delete(`jobs/${path}`),
    ]) {
      expect([answer.status, answer.body.type]).toEqual([404, 'https://engawa.dev/problems/job-not-found']);
      expect(answer.body.suggestion).toContain('finished');
    }
  }
  expect((await owner.get(`jobs/${id}`)).body).toMatchObject({ id, state: 'parked' });
});

it('retries a parked and a waiting job from the start, but not one that runs', async () => {
  const jobs = [await insert(parked), await insert({ state: 'waiting', run_at: '2100-01-01T00:00:00Z', attempt: 3 })];
  for (const id of jobs) {
    const answer = await owner.post(`jobs/${id}/retry`);
    expect([answer.status, answer.body.state, answer.body.attempt, answer.body.id]).toEqual([200, 'ready', 0, id]);
  }
  expect((await eventsOf('job.retried')).toSorted()).toEqual(jobs.toSorted());
  const running = await insert(leased);
  const refused = await owner.post(`jobs/${running}/retry`);
  expect([refused.status, refused.body.type]).toEqual([409, 'https://engawa.dev/problems/job-is-running']);
});

it('retries in bulk what fits, and folds several of one key into one', async () => {
  await insert({ ...parked, kind: 'test.other' });
  await insert({ ...parked, last_error: 'Error: something else' });
  await insert({ ...parked, created_at: '2020-01-01T00:00:00Z' });
  const pending = await insert({ key: 'k', state: 'ready' });
  await insert({ ...parked, key: 'k' });
  await insert({ ...parked, key: 'l' });
  await insert({ ...parked, key: 'l' });
  const answer = await owner.post('jobs/retry', {
    kind: 'test.note',
    'last_error.contains': 'sky',
    'created_at.gte': '2025-01-01T00:00:00Z',
  });
  expect([answer.status, answer.body]).toEqual([200, { retried: 3, more: false }]);
  const { rows } = await app.database.owner.query('select key, state, id from jobs where key is not null order by key');
  expect(rows).toMatchObject([
    { key: 'k', state: 'ready', id: pending },
    { key: 'l', state: 'ready' },
  ]);
  expect((await owner.post('jobs/retry', {})).body.retried).toBe(3);
  expect((await owner.post('jobs/retry', { knid: 'x' })).status).toBe(422);
});

it('deletes a job, and tells one that runs to stop', async () => {
  const id = await insert(parked);
  expect((await owner.delete(`jobs/${id}`, { 'if-match': '"stale"' })).status).toBe(412);
  expect((await owner.delete(`jobs/${id}`)).status).toBe(204);
  expect((await owner.get(`jobs/${id}`)).status).toBe(404);
  const running = await insert(leased);
  const answer = await owner.delete(`jobs/${running}`);
  expect([answer.status, answer.headers.get('location')]).toEqual([202, `/api/v1/jobs/${running}`]);
  expect((await owner.get(`jobs/${running}`)).body.cancelled_at).not.toBeNull();
  expect((await eventsOf('job.cancelled')).toSorted()).toEqual([id, running].toSorted());
});

it('removes parked jobs after thirty days', async () => {
  const old = await insert({ ...parked, parked_at: '2026-01-01T00:00:00Z' });
  const young = await insert(parked);
  await app.app.nest.get(ParkedJobs).expire();
  const { rows } = await app.database.owner.query('select id from jobs');
  expect(rows).toEqual([{ id: young }]);
  expect(await eventsOf('job.expired')).toEqual([old]);
});

it('shows depth, age and kinds that nobody handles', async () => {
  await insert({ kind: 'test.future', run_at: new Date(Date.now() - 60_000) });
  const metrics = (await app.anonymous.get('/metrics')).text;
  expect(metrics).toContain('engawa_jobs{kind="test.future",state="ready"} 1');
  expect(metrics).toMatch(/engawa_jobs_oldest_ready_seconds\{kind="test.future"\} 6\d/);
  expect(metrics).toContain('engawa_jobs_unhandled{kind="test.future"} 1');
  const ready = await app.anonymous.get('/ready');
  expect([ready.status, ready.body.checks.jobs.unhandled_kinds]).toEqual([200, ['test.future']]);
});
