import { type Caller, caller, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
import { type IdentityProvider, startIdentityProvider } from '../../support/identity-provider.js';
import { eventsOf } from './people.js';

let app: TestApp;
let provider: IdentityProvider;
let workspace: TestWorkspace;
let audience: string;
beforeAll(async () => {
  provider = await startIdentityProvider();
  app = await startTestApp({
    outbound: { allow_hosts: ['127.0.0.1'] },
    http: { port: 0, environment: 'test', host: '127.0.0.1', public_url: 'https://engawa.example.com' },
  });
});
beforeEach(async () => {
  workspace = await app.newWorkspace();
  audience = `https://${crypto.randomUUID()}.example.com`;
});
afterAll(async () => {
  await app.close();
  await provider.stop();
});

const PATH = 'workspace/sso-connections';
const body = (more: object = {}) => ({
  name: 'Company login',
  issuer: provider.issuer,
  audiences: [audience],
  provisioning: 'jit',
  ...more,
});
const connect = (by: Caller = workspace.owner, more: object = {}) => by.post(PATH, body(more));
const holder = async (claims: object = {}) => caller(app.url, await provider.token({ aud: audience, ...claims }));

it('lets the people of the company in as soon as it is made, and out as soon as it is disabled or deleted', async () => {
  const made = await connect();
  expect([made.status, made.headers.get('location')]).toEqual([201, `/api/v1/${PATH}/${made.body.id}`]);
  const ada = await holder();
  expect((await ada.get('workspace')).body.id).toBe(workspace.id);
  expect((await ada.get('contacts')).status).toBe(200);
  expect((await ada.post('contacts', { first_name: 'X' })).status).toBe(403);
  await workspace.owner.patch(`${PATH}/${made.body.id}`, { is_enabled: false });
  expect((await ada.get('workspace')).status).toBe(401);
  await workspace.owner.patch(`${PATH}/${made.body.id}`, { is_enabled: true });
  expect((await ada.get('workspace')).status).toBe(200);
  expect((await workspace.owner.delete(`${PATH}/${made.body.id}`)).status).toBe(204);
  expect((await ada.get('workspace')).status).toBe(401);
  expect((await eventsOf(app, workspace)).map(({ type, actor_type }) => `${type} by ${actor_type}`)).toEqual([
    'sso_connection.created by api_key',
    'workspace.member_added by user',
    'sso_connection.updated by api_key',
    'sso_connection.updated by api_key',
    'sso_connection.deleted by api_key',
  ]);
});

it('holds what was narrowed against tokens that passed before', async () => {
  const { body: made } = await connect();
  const ada = await holder({ tid: 'red' });
  expect((await ada.get('workspace')).status).toBe(200);
  for (const narrower of [
    { algorithms: ['ES256'] },
    { algorithms: ['RS256'], audiences: [`${audience}/else`] },
    { audiences: [audience], organization_claim: 'tid', organization_value: 'blue' },
  ]) {
    expect((await workspace.owner.patch(`${PATH}/${made.id}`, narrower)).status).toBe(200);
    expect([narrower, (await ada.get('workspace')).status]).toEqual([narrower, 401]);
  }
  await workspace.owner.patch(`${PATH}/${made.id}`, { organization_value: 'red' });
  expect((await ada.get('workspace')).status).toBe(200);
});

it('keeps the client secret sealed and out of every answer and event', async () => {
  const made = await connect(workspace.owner, { client_id: 'engawa', client_secret: 'very-secret-value' });
  expect(made.body).toMatchObject({ client_id: 'engawa', has_client_secret: true });
  const changed = await workspace.owner.patch(`${PATH}/${made.body.id}`, { client_secret: 'another-secret-value' });
  const { rows } = await app.database.owner.query('select * from sso_connections where id = $1', [made.body.id]);
  const everything = [
    made.text,
    changed.text,
    JSON.stringify(await eventsOf(app, workspace)),
    JSON.stringify(rows),
    String(rows[0].client_secret),
  ];
  expect(everything.filter((text) => text.includes('secret-value'))).toEqual([]);
  const without = await workspace.owner.patch(`${PATH}/${made.body.id}`, { client_secret: null });
  expect(without.body.has_client_secret).toBe(false);
});

it('belongs to one connection of the installation per issuer, audience and organization', async () => {
  expect((await connect(workspace.owner, { organization_claim: 'tid', organization_value: 'red' })).status).toBe(201);
  const other = await app.newWorkspace();
  const taken = await connect(other.owner, { organization_claim: 'tid', organization_value: 'red' });
  expect([taken.status, taken.body.type]).toEqual([409, expect.stringContaining('audience-taken')]);
  expect((await connect(other.owner, { organization_claim: 'tid', organization_value: 'blue' })).status).toBe(201);
});

it('refuses what cannot work, each with its pointer', async () => {
  const pointers = async (more: object) => {
    const answer = await connect(workspace.owner, more);
    return [answer.status, ...(answer.body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer)];
  };
  expect(await pointers({ issuer: 'https://engawa.example.com' })).toEqual([422, '/issuer']);
  expect(await pointers({ issuer: 'ldap://x' })).toEqual([422, '/issuer']);
  expect(await pointers({ jwks_uri: 'file:///etc/passwd' })).toEqual([422, '/jwks_uri']);
  expect(await pointers({ organization_claim: 'tid' })).toEqual([422, '/organization_value']);
  expect(await pointers({ algorithms: ['HS256'] })).toEqual([422, '/algorithms/0']);
  expect(await pointers({ algorithms: ['none'] })).toEqual([422, '/algorithms/0']);
  expect(await pointers({ default_role: 'owner' })).toEqual([422, '/default_role']);
  expect(await pointers({ role_rules: [{ claim: 'g', equals: 'x', role: 'owner' }] })).toEqual([
    422,
    '/role_rules/0/role',
  ]);
  expect(await pointers({ role_rules: [{ claim: 'g', role: 'admin' }] })).toEqual([422, '/role_rules/0']);
  expect(await pointers({ claim_map: { phone: 'tel' } })).toEqual([422, '/claim_map/phone']);
});

it('is made by owners alone, who grant by it no more than they hold', async () => {
  expect((await connect(await workspace.key('admin'))).status).toBe(403);
  expect((await connect(await workspace.key('owner', ['sso:write']))).status).toBe(403);
});

describe('the test of a token', () => {
  const failing = async (id: string, token: string) => {
    const { body: answer, status } = await workspace.owner.post(`${PATH}/${id}/test`, { token });
    return [status, answer.passed, answer.checks?.filter(({ passed }: { passed: boolean }) => !passed)];
  };
  const one = (check: string) => [200, false, [expect.objectContaining({ check })]];

  it('names the check that fails, and signs nobody in', async () => {
    const { body: made } = await connect(workspace.owner, { organization_claim: 'tid', organization_value: 'red' });
    const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
      provider.token({ aud: audience, tid: 'red', ...claims }, header);
    expect(await failing(made.id, await token())).toEqual([200, true, []]);
    expect(await failing(made.id, 'nonsense')).toEqual(one('form'));
    expect(await failing(made.id, await token({ iss: 'https://x.example.com' }))).toEqual(one('issuer'));
    expect(await failing(made.id, await token({ aud: 'x' }))).toEqual(one('audience'));
    expect(await failing(made.id, await token({ tid: 'blue' }))).toEqual(one('organization'));
    expect(await failing(made.id, await token({ nonce: 'n' }))).toEqual(one('kind'));
    expect(await failing(made.id, await token({}, { kid: 'x' }))).toEqual(one('key'));
    expect(await failing(made.id, await token({ exp: 1 }))).toEqual(one('signature'));
    await workspace.owner.patch(`${PATH}/${made.id}`, { is_enabled: false });
    expect(await failing(made.id, await token())).toEqual(one('enabled'));
    expect((await workspace.owner.get('workspace/members')).body.items).toEqual([]);
  });

  it('says that the keys cannot be fetched, without what an internal system said', async () => {
    const { body: made } = await connect(workspace.owner, { jwks_uri: `${provider.issuer}/nothing` });
    const { body: answer } = await workspace.owner.post(`${PATH}/${made.id}/test`, {
      token: await provider.token({ aud: audience }),
    });
    expect(answer.checks.at(-1)).toEqual({
      check: 'key',
      passed: false,
      detail: `${provider.issuer}/nothing answered 404.`,
    });
  });
});
