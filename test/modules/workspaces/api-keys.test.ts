import { KeyAuthenticator } from '../../../src/platform/auth/key-authenticator.js';
import { type Answer, type Caller, caller, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
import { eventsOf, signedIn } from './people.js';

let app: TestApp;
let other: TestApp;
let workspace: TestWorkspace;
beforeAll(async () => {
  app = await startTestApp();
  other = await startTestApp({}, app.database);
});
beforeEach(async () => {
  workspace = await app.newWorkspace();
});
afterAll(async () => {
  await other.close();
  await app.close();
});

const PATH = 'workspace/api-keys';
const works = async (key: string) => (await caller(other.url, key).get('workspace')).status;
const create = (by: Caller, body: object = {}) => by.post(PATH, { name: 'k', role: 'viewer', ...body });
const statusOf = async (answer: Promise<Answer>) => (await answer).status;

it('shows a key once and keeps its secret from lists, events and the database', async () => {
  const made = await create(workspace.owner, { role: 'member', scopes: ['contacts:write'] });
  const { key, ...shown } = made.body;
  expect([made.status, made.headers.get('location')]).toEqual([201, `/api/v1/${PATH}/${shown.id}`]);
  expect(key).toMatch(/^egw_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
  expect(await works(key)).toBe(403);
  const read = await workspace.owner.get(`${PATH}/${shown.id}`);
  expect(read.body).toEqual(shown);
  const secret = key.slice(13) as string;
  const everything = [
    read.text,
    (await workspace.owner.get(PATH)).text,
    JSON.stringify(await eventsOf(app, workspace)),
    JSON.stringify((await app.database.owner.query('select * from api_keys')).rows),
  ];
  expect(everything.filter((text) => text.includes(secret))).toEqual([]);
});

it('may do what its scopes name, with what they imply, and no more', async () => {
  const { body } = await create(workspace.owner, { role: 'member', scopes: ['contacts:write', 'keys:write'] });
  const key = caller(app.url, body.key);
  expect([
    await statusOf(key.get('contacts')),
    await statusOf(key.get('companies')),
    await statusOf(key.post(PATH, {})),
    await statusOf(key.get('workspace')),
  ]).toEqual([200, 403, 403, 403]);
});

it('changes, and is refused on the next request once revoked or expired, on another instance as well', async () => {
  const { body } = await create(workspace.owner);
  expect(await works(body.key)).toBe(200);
  const path = `${PATH}/${body.id}`;
  expect((await workspace.owner.patch(path, { name: 'renamed', rate_limit_per_minute: 5 })).body).toMatchObject({
    name: 'renamed',
    rate_limit_per_minute: 5,
  });
  await workspace.owner.patch(path, { name: 'renamed' });
  expect(await statusOf(workspace.owner.delete(path))).toBe(204);
  expect(await works(body.key)).toBe(401);
  expect([
    await statusOf(workspace.owner.delete(path)),
    await statusOf(workspace.owner.patch(path, { name: 'x' })),
  ]).toEqual([204, 409]);
  expect((await workspace.owner.get(path)).body.revoked_at).toEqual(expect.any(String));
  expect((await eventsOf(app, workspace)).map(({ type }) => type)).toEqual([
    'api_key.created',
    'api_key.updated',
    'api_key.revoked',
  ]);
  const soon = await create(workspace.owner, { expires_at: new Date(Date.now() + 60_000).toISOString() });
  expect(await works(soon.body.key)).toBe(200);
  await app.database.owner.query('update api_keys set expires_at = now() where id = $1', [soon.body.id]);
  expect(await works(soon.body.key)).toBe(401);
});

it('rotates: the successor works at once, the old key until its grace ends', async () => {
  const made = await create(workspace.owner, { role: 'member', scopes: ['workspace:read'], rate_limit_per_minute: 7 });
  const next = await workspace.owner.post(`${PATH}/${made.body.id}/rotate`, { grace_seconds: 60 });
  expect(next.body).toMatchObject({ role: 'member', scopes: ['workspace:read'], rate_limit_per_minute: 7 });
  expect([await works(made.body.key), await works(next.body.key)]).toEqual([200, 200]);
  const old = (await workspace.owner.get(`${PATH}/${made.body.id}`)).body;
  expect(Date.parse(old.expires_at) - Date.now()).toBeLessThanOrEqual(60_000);
  const last = await workspace.owner.post(`${PATH}/${next.body.id}/rotate`, { grace_seconds: 0 });
  expect([await works(next.body.key), await works(last.body.key)]).toEqual([401, 200]);
  expect(await statusOf(workspace.owner.post(`${PATH}/${next.body.id}/rotate`, {}))).toBe(409);
  const events = await eventsOf(app, workspace);
  expect(events.map(({ type }) => type)).toEqual([
    'api_key.created', 'api_key.created', 'api_key.rotated', 'api_key.created', 'api_key.rotated',
  ]); // prettier-ignore
  expect(events[2]?.data['successor_id']).toBe(next.body.id);
});

it('shows when it was last used, without a write per request', async () => {
  const { body } = await create(workspace.owner);
  const path = `${PATH}/${body.id}`;
  await Promise.all([works(body.key), works(body.key)]);
  expect((await workspace.owner.get(path)).body.last_used_at).toBeNull();
  await other.app.nest.get(KeyAuthenticator).flushLastUsed();
  expect(Date.now() - Date.parse((await workspace.owner.get(path)).body.last_used_at)).toBeLessThan(60_000);
});

it('works from its networks only', async () => {
  const [near, far] = [
    await create(workspace.owner, { allowed_networks: ['127.0.0.1/8', '::1'] }),
    await create(workspace.owner, { allowed_networks: ['203.0.113.7/24'] }),
  ];
  expect([await works(near.body.key), await works(far.body.key)]).toEqual([200, 401]);
  expect(far.body.allowed_networks).toEqual(['203.0.113.0/24']);
  const wrong = await create(workspace.owner, { allowed_networks: ['10.0.0.0/8', 'everywhere'] });
  expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([422, '/allowed_networks/1']);
});

describe('nobody grants more than they hold', () => {
  it('a member makes no keys; an admin no owner key, and no key that deletes where the admin may not', async () => {
    const [member, admin] = [await workspace.key('member'), await workspace.key('admin')];
    expect(await statusOf(create(member, { scopes: ['contacts:delete'] }))).toBe(403);
    expect(await statusOf(create(admin, { role: 'owner' }))).toBe(403);
    expect(await statusOf(create(admin, { role: 'owner', scopes: ['contacts:read'] }))).toBe(403);
    expect(await statusOf(create(admin, { role: 'admin' }))).toBe(201);
    const narrow = await workspace.key('admin', ['keys:write', 'contacts:write']);
    const refused = await create(narrow, { role: 'admin', scopes: ['contacts:delete'] });
    expect([refused.status, refused.body.lacking_permissions]).toEqual([403, ['contacts:delete']]);
    expect(await statusOf(create(narrow))).toBe(403);
    expect(await statusOf(create(narrow, { scopes: ['contacts:read'] }))).toBe(201);
  });

  it('a key makes none that lives longer, asks faster or comes from elsewhere', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const maker = await create(workspace.owner, {
      role: 'admin', expires_at, rate_limit_per_minute: 100, burst: { q: 90, w: 10 }, allowed_networks: ['127.0.0.0/8'],
    }); // prettier-ignore
    const key = caller(app.url, maker.body.key);
    const inherited = await create(key);
    expect(inherited.body).toMatchObject({ rate_limit_per_minute: 100, burst: { q: 90, w: 10 } });
    expect([inherited.body.expires_at, inherited.body.allowed_networks]).toEqual([
      maker.body.expires_at,
      maker.body.allowed_networks,
    ]);
    for (const more of [
      { expires_at: new Date(Date.now() + 7_200_000).toISOString() },
      { rate_limit_per_minute: 101 },
      { burst: { q: 91, w: 10 } },
      { burst: { q: 0, w: 10 } },
      { allowed_networks: ['127.0.0.0/7'] },
    ]) {
      expect([more, await statusOf(create(key, more))]).toEqual([more, 403]);
    }
    expect(await statusOf(create(key, { rate_limit_per_minute: 50, allowed_networks: ['127.0.0.1'] }))).toBe(201);
    expect(await statusOf(key.patch(`${PATH}/${inherited.body.id}`, { expires_at: null }))).toBe(403);
  });

  it('acts for its maker, and for others only when an owner says so', async () => {
    const [ada, grace] = [await signedIn(app, workspace, 'admin'), await signedIn(app, workspace, 'viewer')];
    expect((await create(ada)).body.user_id).toBe(ada.user_id);
    expect(await statusOf(create(ada, { user_id: grace.user_id }))).toBe(403);
    expect(await statusOf(create(ada, { user_id: null }))).toBe(403);
    const forGrace = await create(workspace.owner, { user_id: grace.user_id, role: 'admin' });
    expect(forGrace.status).toBe(201);
    expect(await statusOf(caller(app.url, forGrace.body.key).get('contacts'))).toBe(200);
    expect(await statusOf(create(caller(app.url, forGrace.body.key)))).toBe(403);
    const stranger = await signedIn(app, await app.newWorkspace(), 'viewer');
    expect(await statusOf(create(workspace.owner, { user_id: stranger.user_id }))).toBe(422);
  });

  it('an admin neither rotates, changes nor revokes the key of an owner', async () => {
    const [admin, owners] = [await workspace.key('admin'), await create(workspace.owner, { role: 'owner' })];
    const path = `${PATH}/${owners.body.id}`;
    expect([
      await statusOf(admin.post(`${path}/rotate`, {})),
      await statusOf(admin.patch(path, { name: 'mine' })),
      await statusOf(admin.delete(path)),
    ]).toEqual([403, 403, 403]);
  });
});
