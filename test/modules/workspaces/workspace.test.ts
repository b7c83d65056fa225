import { startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
import { eventsOf, signedIn } from './people.js';

let app: TestApp;
let workspace: TestWorkspace;
beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  workspace = await app.newWorkspace();
});
afterAll(() => app.close());

it('shows the workspace of the caller with every setting', async () => {
  const answer = await (await workspace.key('viewer')).get('workspace');
  expect([answer.status, answer.body]).toEqual([
    200,
    {
      id: workspace.id,
      name: 'Test',
      slug: `w-${workspace.id}`,
      settings: {
        time_zone: null,
        currency: null,
        default_region: null,
        search_language: null,
        strict_attributes: null,
        allowed_networks: null,
      },
      created_at: expect.any(String),
      updated_at: expect.any(String),
    },
  ]);
});

it('changes what a PATCH names, and says so in one event', async () => {
  const settings = { time_zone: 'Europe/Vienna', currency: 'eur', default_region: 'at', search_language: 'german' };
  const first = await workspace.owner.patch('workspace', { name: 'Engines', settings });
  expect([first.status, first.body.name, first.body.settings.currency]).toEqual([200, 'Engines', 'EUR']);
  const second = await workspace.owner.patch('workspace', { settings: { time_zone: null, strict_attributes: true } });
  expect(second.body.settings).toMatchObject({ time_zone: null, search_language: 'german', strict_attributes: true });
  await workspace.owner.patch('workspace', { name: 'Engines', settings: { default_region: 'AT' } });
  const events = await eventsOf(app, workspace);
  expect(events.map(({ type }) => type)).toEqual(['workspace.updated', 'workspace.updated']);
  expect(events[1]?.changes).toEqual({
    'settings.time_zone': { from: 'Europe/Vienna', to: null },
    'settings.strict_attributes': { from: null, to: true },
  });
});

it('refuses settings that are wrong, each with its pointer', async () => {
  const settings = {
    time_zone: '+02:00',
    currency: 'XYZ',
    default_region: 'ZZ',
    search_language: 'klingon',
    allowed_networks: ['10.0.0.0/33'],
  };
  const answer = await workspace.owner.patch('workspace', { settings });
  expect([answer.status, answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
    422,
    Object.keys(settings).map((name) => `/settings/${name}`),
  ]);
  expect((await workspace.owner.patch('workspace', { settings: { limits: {} } })).status).toBe(422);
  expect(await eventsOf(app, workspace)).toEqual([]);
});

it('lets callers in from the allowed networks only, and nobody lock themselves out', async () => {
  const shut = await workspace.owner.patch('workspace', { settings: { allowed_networks: ['203.0.113.0/24'] } });
  expect(shut.status).toBe(422);
  const open = await workspace.owner.patch('workspace', { settings: { allowed_networks: ['127.0.0.0/8'] } });
  expect([open.status, (await workspace.owner.get('workspace')).status]).toEqual([200, 200]);
  await app.database.owner.query(
    `update workspaces set settings = '{"allowed_networks": ["203.0.113.0/24"]}' where id = $1`,
    [workspace.id],
  );
  expect((await workspace.owner.get('workspace')).status).toBe(401);
});

it('is changed by owners only, and only in the version that they saw', async () => {
  expect((await (await workspace.key('admin')).patch('workspace', { name: 'Mine' })).status).toBe(403);
  const seen = await workspace.owner.get('workspace');
  const etag = seen.headers.get('etag') ?? '';
  expect((await workspace.owner.patch('workspace', { name: 'A' }, { 'if-match': etag })).status).toBe(200);
  expect((await workspace.owner.patch('workspace', { name: 'B' }, { 'if-match': etag })).status).toBe(412);
  const taken = await app.newWorkspace();
  const conflict = await workspace.owner.patch('workspace', { slug: `w-${taken.id}` });
  expect([conflict.status, conflict.body.type]).toEqual([409, expect.stringContaining('slug-taken')]);
});

describe('a new workspace', () => {
  const body = () => ({ name: 'Second', slug: `second-${crypto.randomUUID().slice(0, 8)}` });

  it('is made by an owner, with an owner key that is shown once and works there only', async () => {
    const made = await workspace.owner.post('workspaces', body());
    expect(made.status).toBe(201);
    const key = made.body.owner_key as string;
    const own = await app.anonymous.get('workspace', { authorization: `Bearer ${key}` });
    expect([own.status, own.body.id]).toEqual([200, made.body.id]);
    const log = await eventsOf(app, { ...workspace, id: made.body.id });
    expect(log.map(({ type }) => type)).toEqual(['workspace.created', 'api_key.created']);
    expect(JSON.stringify(log)).not.toContain(key);
    expect(await eventsOf(app, workspace)).toEqual([]);
  });

  it('is made by a person, who becomes its owner', async () => {
    const ada = await signedIn(app, workspace, 'viewer');
    const made = await ada.post('workspaces', body());
    expect(made.status).toBe(201);
    const members = await ada.get('workspace/members', { 'x-workspace': made.body.id });
    expect(members.body.items).toMatchObject([{ id: ada.user_id, role: 'owner' }]);
  });

  it('is not made by an admin key or a narrowed owner key, and not with a slug that is taken or looks like an id', async () => {
    for (const key of [await workspace.key('admin'), await workspace.key('owner', ['workspace:admin'])]) {
      expect((await key.post('workspaces', body())).status).toBe(403);
    }
    const taken = body();
    await workspace.owner.post('workspaces', taken);
    expect((await workspace.owner.post('workspaces', taken)).status).toBe(409);
    for (const slug of [crypto.randomUUID(), 'A', 'x', '-x', 'ä1']) {
      expect((await workspace.owner.post('workspaces', { name: 'X', slug })).status).toBe(422);
    }
  });

  it('is made once for one Idempotency-Key', async () => {
    const wanted = body();
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const [first, second] = [
      await workspace.owner.post('workspaces', wanted, headers),
      await workspace.owner.post('workspaces', wanted, headers),
    ];
    expect([first.status, second.status, second.body.owner_key]).toEqual([201, 201, first.body.owner_key]);
  });
});
