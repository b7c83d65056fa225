import { Scheduling } from '../../../src/platform/scheduling/scheduling.js';
import { type Caller, caller, startTestApp, type TestApp } from '../../support/app.js';
import { Limiter } from '../../../src/platform/limits/limiter.js';
import { ExceededReports } from '../../../src/platform/limits/exceeded-reports.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({
    limits: { principal_per_minute: 600, workspace_per_minute: 6_000, address_per_minute: 10 },
  });
});
afterAll(() => app.close());

/** A key whose minute has time left. */
async function keyWith(limits: { rate_limit_per_minute?: number; burst?: object }): Promise<Caller> {
  for (;;) {
    const caller = await app.workspace.key('viewer');
    const { rows } = await app.database.owner.query<{ id: string }>(
      'update api_keys set rate_limit_per_minute = $2, burst = $3 where prefix = $1 returning id',
      [caller.key.split('_')[1], limits.rate_limit_per_minute ?? null, limits.burst ?? null],
    );
    const policy = { name: 'principal', q: 1, w: 60, subject: rows[0]?.id ?? '' } as const;
    const [standing] = await app.app.nest.get(Limiter).standing([policy]);
    if (standing && standing.ends_in_s > 10) return caller;
  }
}

it('answers 200 with where the caller stands', async () => {
  const caller = await app.workspace.key('viewer');
  const answer = await caller.get('limits');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('ratelimit-policy')).toBe('"principal";q=600;w=60, "workspace";q=6000;w=60');
  expect(answer.headers.get('ratelimit')).toMatch(/^"(principal|workspace)";r=\d+;t=\d+$/);
  expect(answer.body.items).toEqual([
    { policy: 'principal', q: 600, w: 60, granted: expect.any(Number), ends_in_s: expect.any(Number) },
    { policy: 'workspace', q: 6000, w: 60, granted: expect.any(Number), ends_in_s: expect.any(Number) },
  ]);
});

it('answers 401 without a credential', async () => {
  expect((await app.anonymous.get('limits')).status).toBe(401);
});

it('answers 403 to a member who sets limits', async () => {
  const member = await app.workspace.key('member');
  expect((await member.request('PUT', 'workspace/limits', {})).status).toBe(403);
});

it.each([
  [{ principal_per_minute: 601 }, '/principal_per_minute'],
  [{ principal_per_minute: 0 }, '/principal_per_minute'],
  [{ principal_per_minute: 'many' }, '/principal_per_minute'],
  [{ burst: { q: 5, w: 11 } }, '/burst/w'],
  [{ workspace_per_minute: 1 }, '/workspace_per_minute'],
])('answers 422 to %j', async (body, pointer) => {
  const answer = await app.workspace.owner.request('PUT', 'workspace/limits', body);
  expect(answer.status).toBe(422);
  expect(answer.body.errors[0].pointer).toBe(pointer);
});

it("admits a key's own limit of 5 and then answers 429, and says so once in the event log", async () => {
  const caller = await keyWith({ rate_limit_per_minute: 5 });
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await caller.get('limits')).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  for (let i = 0; i < 3; i++) {
    const refused = await caller.get('limits');
    expect(refused.status).toBe(429);
    expect(refused.body.type).toMatch(/rate-limited$/);
    expect(refused.body).toMatchObject({ policy: 'principal', limit: 5, window_s: 60 });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(refused.headers.get('ratelimit')).toMatch(/^"principal";r=0;t=\d+$/);
  }
  await app.app.nest.get(ExceededReports).drain();
  const { rows } = await app.database.owner.query("select subject_id, data from events where type = 'limit.exceeded'");
  expect(rows).toEqual([
    { subject_id: app.workspace.id, data: expect.objectContaining({ policy: 'principal', limit: 5, window_s: 60 }) },
  ]);
});

it("holds a key's burst beside its limit", async () => {
  const caller = await keyWith({ burst: { q: 2, w: 10 } });
  const answers = await Promise.all(Array.from({ length: 8 }, () => caller.get('limits')));
  const admitted = answers.filter(({ status }) => status === 200);
  // The eight may fall on both sides of a window's end.
  expect(admitted.length).toBeGreaterThanOrEqual(2);
  expect(admitted.length).toBeLessThanOrEqual(4);
  expect(answers.find(({ status }) => status === 429)?.body).toMatchObject({ policy: 'burst', limit: 2, window_s: 10 });
});

it('lets a workspace set its limits below the maximum, with an event for a change only', async () => {
  const workspace = await app.newWorkspace();
  const wanted = { principal_per_minute: 100, burst: { q: 50, w: 1 } };
  for (let i = 0; i < 2; i++) {
    const answer = await workspace.owner.request('PUT', 'workspace/limits', wanted);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(wanted);
  }
  const { headers } = await workspace.owner.get('limits');
  expect(headers.get('ratelimit-policy')).toBe('"principal";q=100;w=60, "workspace";q=6000;w=60, "burst";q=50;w=1');
  const { rows } = await app.database.owner.query(
    "select changes from events where type = 'workspace.updated' and workspace_id = $1",
    [workspace.id],
  );
  expect(rows).toEqual([{ changes: { limits: { from: { principal_per_minute: null, burst: null }, to: wanted } } }]);
});

it("keeps the operator's columns out of a workspace's reach, and one workspace's limits from another's", async () => {
  const workspace = await app.newWorkspace();
  await app.database.owner.query(
    'insert into workspace_limits (workspace_id, operator_principal_per_minute, operator_workspace_per_minute) values ($1, 7, 70)',
    [workspace.id],
  );
  const { headers } = await workspace.owner.get('limits');
  expect(headers.get('ratelimit-policy')).toBe('"principal";q=7;w=60, "workspace";q=70;w=60');
  expect((await workspace.owner.request('PUT', 'workspace/limits', { principal_per_minute: 8 })).status).toBe(422);
  const { rows } = await app.database.owner.query(
    "select has_column_privilege('engawa_app', 'workspace_limits', 'operator_workspace_per_minute', 'update') as may",
  );
  expect(rows).toEqual([{ may: false }]);
});

it('refuses an address after its tries, whatever X-Forwarded-For says', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 24; i++) {
    statuses.push((await app.anonymous.get('limits', { 'x-forwarded-for': `203.0.113.${i}` })).status);
  }
  expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(20);
  expect(statuses).toContain(429);
});

it('admits at most 100 of many requests to two instances with a limit of 100', async () => {
  const settings = { limits: { principal_per_minute: 600, workspace_per_minute: 0, address_per_minute: 0 } };
  const second = await startTestApp(settings, app.database);
  try {
    const first = await keyWith({ rate_limit_per_minute: 100 });
    const both = [first, caller(second.url, first.key)];
    const answers = await Promise.all(
      both.flatMap((one) =>
        Array.from({ length: 10 }, async () => {
          const statuses: number[] = [];
          for (let i = 0; i < 12; i++) statuses.push((await one.get('limits')).status);
          return statuses;
        }),
      ),
    );
    const statuses = answers.flat();
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(140);
  } finally {
    await second.close();
  }
});

it('does not touch the counters while limits are off', async () => {
  const unlimited = await startTestApp();
  try {
    for (let i = 0; i < 20; i++) expect((await unlimited.workspace.owner.get('limits')).body.items).toEqual([]);
    await unlimited.anonymous.get('/');
    const { rows } = await unlimited.database.owner.query('select count(*) from rate_windows');
    expect(rows).toEqual([{ count: 0 }]);
  } finally {
    await unlimited.close();
  }
});

it('gives unused permits back when the process ends', async () => {
  const ending = await startTestApp(
    { limits: { principal_per_minute: 600, workspace_per_minute: 6_000 } },
    app.database,
  );
  const workspace = await app.newWorkspace();
  for (let i = 0; i < 3; i++) await caller(ending.url, workspace.owner.key).get('limits');
  await ending.close();
  const policy = { name: 'workspace', q: 6_000, w: 60, subject: workspace.id } as const;
  const [standing] = await app.app.nest.get(Limiter).standing([policy]);
  expect(standing?.granted).toBeLessThanOrEqual(3);
});

it('forgets old windows in the house-keeping', async () => {
  await app.database.owner.query(
    "insert into rate_windows values ('old', 1, 1, 1, now() - interval '3 minutes'), ('new', 1, 1, 1, now())",
  );
  await app.app.nest.get(Scheduling).runAll();
  const { rows } = await app.database.owner.query("select bucket from rate_windows where bucket in ('old', 'new')");
  expect(rows).toEqual([{ bucket: 'new' }]);
});
