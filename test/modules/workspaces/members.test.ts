import { type Answer, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
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

const PATH = 'workspace/members';
const slug = ({ body }: Answer) => String(body?.type).split('/').at(-1);

it('adds, shows, changes and removes a member, with one event each', async () => {
  const added = await workspace.owner.post(PATH, { email: 'Grace@Example.com', name: 'Grace Hopper', role: 'member' });
  const { id } = added.body;
  expect([added.status, added.headers.get('location'), added.body]).toEqual([
    201,
    `/api/v1/workspace/members/${id}`,
    expect.objectContaining({ email: 'grace@example.com', name: 'Grace Hopper', role: 'member', source: 'invited' }),
  ]);
  expect((await workspace.owner.get(`${PATH}/${id}`)).body).toEqual(added.body);
  expect((await workspace.owner.get(`${PATH}?role=member&count=true`)).body).toMatchObject({
    items: [{ id }],
    count: 1,
  });
  expect((await workspace.owner.patch(`${PATH}/${id}`, { role: 'member' })).status).toBe(200);
  expect((await workspace.owner.patch(`${PATH}/${id}`, { role: 'admin' })).body.role).toBe('admin');
  expect((await workspace.owner.delete(`${PATH}/${id}`)).status).toBe(204);
  expect((await workspace.owner.get(`${PATH}/${id}`)).status).toBe(404);
  const events = await eventsOf(app, workspace);
  expect(events.map(({ type }) => type)).toEqual([
    'workspace.member_added',
    'workspace.member_role_changed',
    'workspace.member_removed',
  ]);
  expect(events[1]?.changes).toEqual({ role: { from: 'member', to: 'admin' } });
  expect(events.every(({ actor_type }) => actor_type === 'api_key')).toBe(true);
});

it('adds a person once, and again after they left, as the same person', async () => {
  const body = { email: `p-${crypto.randomUUID()}@example.com`, role: 'viewer' };
  const first = await workspace.owner.post(PATH, body);
  const again = await workspace.owner.post(PATH, body);
  expect([again.status, slug(again)]).toEqual([409, 'member-exists']);
  await workspace.owner.delete(`${PATH}/${first.body.id}`);
  const back = await workspace.owner.post(PATH, { ...body, role: 'member' });
  expect([back.status, back.body.id, back.body.role]).toEqual([201, first.body.id, 'member']);
  const elsewhere = await (await app.newWorkspace()).owner.post(PATH, body);
  expect(elsewhere.body.id).toBe(first.body.id);
});

it('refuses an e-mail that is none, and unknown roles', async () => {
  expect((await workspace.owner.post(PATH, { email: 'nobody', role: 'viewer' })).status).toBe(422);
  expect((await workspace.owner.post(PATH, { email: 'a@example.com', role: 'king' })).status).toBe(422);
});

it('pages through members', async () => {
  for (const name of ['a', 'b', 'c'])
    await workspace.owner.post(PATH, { email: `${name}-${workspace.id}@example.com`, role: 'viewer' });
  const first = await workspace.owner.get(`${PATH}?limit=2&sort=name`);
  const second = await workspace.owner.get(`${PATH}?limit=2&sort=name&cursor=${first.body.next_cursor}`);
  const names = [...first.body.items, ...second.body.items].map(({ name }: { name: string }) => name[0]);
  expect([names, second.body.next_cursor]).toEqual([['a', 'b', 'c'], null]);
});

describe('nobody grants more than they hold', () => {
  it('an admin neither makes an owner nor touches one', async () => {
    const [admin, owner] = [await workspace.key('admin'), await signedIn(app, workspace, 'owner')];
    await signedIn(app, workspace, 'owner');
    const made = await admin.post(PATH, { email: 'x@example.com', role: 'owner' });
    expect([made.status, made.body.lacking_permissions]).toEqual([403, expect.arrayContaining(['workspace:admin'])]);
    expect((await admin.patch(`${PATH}/${owner.user_id}`, { role: 'viewer' })).status).toBe(403);
    expect((await admin.delete(`${PATH}/${owner.user_id}`)).status).toBe(403);
    const viewer = await signedIn(app, workspace, 'viewer');
    expect((await admin.patch(`${PATH}/${viewer.user_id}`, { role: 'owner' })).status).toBe(403);
    expect((await admin.patch(`${PATH}/${viewer.user_id}`, { role: 'admin' })).status).toBe(200);
  });

  it('a key whose scopes lack a permission makes no member who has it', async () => {
    const narrow = await workspace.key('owner', ['members:write']);
    const answer = await narrow.post(PATH, { email: 'y@example.com', role: 'viewer' });
    expect([answer.status, answer.body.lacking_permissions]).toEqual([403, expect.arrayContaining(['contacts:read'])]);
  });
});

describe('the last owner', () => {
  it('is neither demoted nor removed', async () => {
    const owner = await signedIn(app, workspace, 'owner');
    for (const answer of [
      await owner.patch(`${PATH}/${owner.user_id}`, { role: 'admin' }),
      await owner.delete(`${PATH}/${owner.user_id}`),
    ]) {
      expect([answer.status, slug(answer)]).toEqual([409, 'last-owner']);
    }
    expect((await owner.get(`${PATH}/${owner.user_id}`)).body.role).toBe('owner');
    expect(await eventsOf(app, workspace)).toEqual([]);
  });

  it('stays when two owners demote each other at once', async () => {
    for (let round = 0; round < 5; round++) {
      const room = await app.newWorkspace();
      const [ada, grace] = [await signedIn(app, room, 'owner'), await signedIn(other, room, 'owner')];
      const answers = await Promise.all([
        ada.patch(`${PATH}/${grace.user_id}`, { role: 'member' }),
        grace.patch(`${PATH}/${ada.user_id}`, { role: 'member' }),
      ]);
      const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
      expect(statuses[0]).toBe(200);
      // The second request was authenticated before or after the first one committed: refused as the last owner, or by its new role.
      expect([403, 409]).toContain(statuses[1]);
      const { body } = await room.owner.get(`${PATH}?role=owner`);
      expect(body.items).toHaveLength(1);
    }
  });

  it('can go once somebody else is owner', async () => {
    const [ada, grace] = [await signedIn(app, workspace, 'owner'), await signedIn(app, workspace, 'admin')];
    expect((await ada.patch(`${PATH}/${grace.user_id}`, { role: 'owner' })).status).toBe(200);
    expect((await ada.delete(`${PATH}/${ada.user_id}`)).status).toBe(204);
    expect((await ada.get(PATH)).status).toBe(401);
  });
});

it('a removed member and the keys that act for them are refused at once, and stay so when the person comes back', async () => {
  const ada = await signedIn(app, workspace, 'admin');
  const made = await ada.post('workspace/api-keys', { name: 'mine', role: 'viewer' });
  const withKey = { authorization: `Bearer ${made.body.key}` };
  expect((await other.anonymous.get('workspace', withKey)).status).toBe(200);
  await workspace.owner.delete(`${PATH}/${ada.user_id}`);
  expect([(await other.anonymous.get('workspace', withKey)).status, (await ada.get('workspace')).status]).toEqual([
    401, 401,
  ]);
  const { email } = (await eventsOf(app, workspace, 'workspace.member_removed'))[0]?.data ?? {};
  expect((await workspace.owner.post(PATH, { email, role: 'admin' })).status).toBe(201);
  expect((await other.anonymous.get('workspace', withKey)).status).toBe(401);
  expect((await eventsOf(app, workspace, 'api_key.%')).map(({ type }) => type)).toEqual([
    'api_key.created',
    'api_key.revoked',
  ]);
});
