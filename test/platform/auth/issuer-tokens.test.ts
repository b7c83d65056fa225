import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, randomUUID } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { KeySets } from '../../../src/platform/auth/key-sets.js';
import { type Answer, caller, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
import { API_AUDIENCE, type IdentityProvider, startIdentityProvider } from '../../support/identity-provider.js';

/** Any route that asks for a caller and nothing else that matters here. */
const PATH = '/api/v1/workspace';

let app: TestApp;
let provider: IdentityProvider;

beforeAll(async () => {
  provider = await startIdentityProvider();
  app = await startTestApp({ outbound: { allow_hosts: ['127.0.0.1'] } });
  await connect(app.workspace);
});
afterAll(async () => {
  await app.close();
  await provider.stop();
});

async function connect(workspace: TestWorkspace, columns: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const row = {
    workspace_id: workspace.id,
    id: randomUUID(),
    name: 'Company login',
    issuer: provider.issuer,
    audiences: [API_AUDIENCE],
    jwks_uri: provider.jwks_uri,
    provisioning: 'jit',
    default_role: 'viewer',
    enabled_at: new Date(),
    ...columns,
  };
  const names = Object.keys(row);
  await app.database.owner.query(
    `insert into sso_connections (${names.join(', ')}) values (${names.map((_name, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  );
  await app.database.owner.query(
    `insert into sso_audiences (workspace_id, connection_id, issuer, audience, organization_value)
     select workspace_id, id, issuer, unnest(audiences), coalesce(organization_value, '') from sso_connections where id = $1`,
    [row.id],
  );
  return row.id;
}

const call = (token: string, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
  caller(app.url, token).get(PATH, headers);

const membersOf = async (workspace: TestWorkspace) =>
  (
    await app.database.owner.query<{ name: string; role: string; email: string | null; subject: string }>(
      `select u.name, m.role, u.email, i.subject from memberships m join users u on u.id = m.user_id
       left join identities i on i.user_id = u.id where m.workspace_id = $1 order by i.subject`,
      [workspace.id],
    )
  ).rows;

it('admits a token of the configured issuer, and makes its holder a member once', async () => {
  const tokens = await Promise.all([1, 2, 3].map(() => provider.token({ name: 'Ada Lovelace' })));
  const answers = await Promise.all([...tokens, ...tokens].map((token) => call(token)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  expect(await membersOf(app.workspace)).toEqual([
    { name: 'Ada Lovelace', role: 'viewer', email: null, subject: 'ada' },
  ]);
  const events = await app.database.owner.query(
    `select type, actor_type, data->>'name' as name from events where workspace_id = $1 and type like 'workspace.member%'`,
    [app.workspace.id],
  );
  expect(events.rows).toEqual([{ type: 'workspace.member_added', actor_type: 'user', name: 'Ada Lovelace' }]);
});

describe('a token that is not to be believed', () => {
  const now = () => Math.floor(Date.now() / 1_000);
  const cases: Readonly<Record<string, () => Promise<string>>> = {
    'without algorithm': async () => resign(await provider.token(), { alg: 'none' }, () => ''),
    'without algorithm, with a signature': async () => resign(await provider.token(), { alg: 'none' }, () => 'AAAA'),
    'signed with the public key as a secret': async () => {
      const jwk = provider.keys[0] as JsonWebKey & { kid: string };
      const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      return resign(await provider.token(), { alg: 'HS256', kid: jwk.kid }, (signed) =>
        createHmac('sha256', pem).update(signed).digest('base64url'),
      );
    },
    'of another issuer': () => provider.token({ iss: 'https://evil.example.com' }),
    'for another audience': () => provider.token({ aud: 'https://other.example.com' }),
    'expired by 61 s': () => provider.token({ exp: now() - 61 }),
    'without end': () => provider.token({ exp: undefined }),
    'not yet valid': () => provider.token({ nbf: now() + 120 }),
    tampered: async () => {
      const [header, payload, signature] = (await provider.token()).split('.');
      const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object;
      return [header, Buffer.from(JSON.stringify({ ...claims, sub: 'grace' })).toString('base64url'), signature].join(
        '.',
      );
    },
    'of an unknown key': () => provider.token({}, { kid: 'nobody' }),
    'with a critical extension': () => provider.token({}, { crit: ['urn:x'], 'urn:x': 1 }),
    'signed with a key that it brings along': async () => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
      const claims = { iss: provider.issuer, aud: API_AUDIENCE, sub: 'ada', exp: now() + 300 };
      return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', jwk: await exportJWK(publicKey) }).sign(privateKey);
    },
    'that is an ID token': () => provider.token({ nonce: 'n-1' }),
    'that is a logout token': () => provider.token({}, { typ: 'logout+jwt' }),
    'without a subject': () => provider.token({ sub: undefined }),
    'with an odd subject': () => provider.token({ sub: 'a\0b' }),
    'of an algorithm that the connection does not allow': async () => {
      await provider.rotate('ES256');
      const token = await provider.token();
      await provider.rotate();
      return token;
    },
  };

  it.each(Object.keys(cases))('is refused: %s', async (name) => {
    const [wrong, absent] = await Promise.all([call((await cases[name]?.()) ?? ''), app.anonymous.get(PATH)]);
    expect([wrong.status, withoutInstance(wrong)]).toEqual([401, withoutInstance(absent)]);
  });
});

function resign(token: string, header: object, sign: (signed: string) => string): string {
  const signed = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${token.split('.')[1]}`;
  return `${signed}.${sign(signed)}`;
}

function withoutInstance({ body }: Answer): object {
  return { ...(body as object), instance: null };
}

it('tells tenants of one issuer apart by the organization claim', async () => {
  const [red, blue] = [await app.newWorkspace(), await app.newWorkspace()];
  const aud = 'https://shared.example.com';
  for (const [workspace, tid] of [
    [red, 'red'],
    [blue, 'blue'],
  ] as const) {
    await connect(workspace, { audiences: [aud], organization_claim: 'tid', organization_value: tid });
  }
  expect((await call(await provider.token({ aud, tid: 'red' }))).body.id).toBe(red.id);
  expect((await call(await provider.token({ aud, tid: 'blue' }))).body.id).toBe(blue.id);
  for (const claims of [{ tid: 'green' }, {}, { org: 'red' }, { tid: ['red'] }]) {
    expect((await call(await provider.token({ aud, ...claims }))).status).toBe(401);
  }
});

it('draws nobody out of their workspace by a narrower connection of another one', async () => {
  const [own, mallory] = [await app.newWorkspace(), await app.newWorkspace()];
  const aud = 'https://drawn.example.com';
  await connect(own, { audiences: [aud] });
  await connect(own, { audiences: [aud], organization_claim: 'tid', organization_value: 'red' });
  const ceo = await provider.token({ aud, sub: 'ceo', email: 'ceo@example.com' });
  expect((await call(ceo)).body.id).toBe(own.id);
  await connect(mallory, { audiences: [aud], organization_claim: 'email', organization_value: 'ceo@example.com' });
  expect((await call(ceo)).status).toBe(401);
  expect((await call(ceo, { 'x-workspace': own.id })).body.id).toBe(own.id);
  expect(await membersOf(mallory)).toEqual([]);
  expect((await call(await provider.token({ aud, sub: 'red', tid: 'red' }))).body.id).toBe(own.id);
});

it('never gives the e-mail that a provider claims, so another tenant cannot come in by it', async () => {
  const [ada, mallory] = [await app.newWorkspace(), await app.newWorkspace()];
  const email = `ada-${randomUUID()}@example.com`;
  const { rows } = await app.database.owner.query<{ id: string }>(
    `insert into users (email, name) values ($1, 'Ada') returning id`,
    [email],
  );
  await app.database.owner.query(`insert into memberships (workspace_id, user_id, role) values ($1, $2, 'owner')`, [
    ada.id,
    rows[0]?.id,
  ]);
  await connect(mallory, { audiences: ['https://mallory.example.com'] });
  const token = await provider.token({ aud: 'https://mallory.example.com', sub: 'mal', email, email_verified: true });
  expect((await call(token)).body.id).toBe(mallory.id);
  expect((await call(token, { 'x-workspace': ada.id })).status).toBe(404);
  expect(await membersOf(mallory)).toEqual([{ name: email, role: 'viewer', email: null, subject: 'mal' }]);
  expect(await membersOf(ada)).toHaveLength(1);
});

it('gives the role of the first rule that fits, anew with each newer token, and never that of an owner', async () => {
  const workspace = await app.newWorkspace();
  const aud = 'https://roles.example.com';
  await connect(workspace, {
    audiences: [aud],
    role_rules: JSON.stringify([
      { claim: 'groups', contains: 'founders', role: 'owner' },
      { claim: 'groups', contains: 'it', role: 'admin' },
      { claim: 'department', equals: 'sales', role: 'member' },
    ]),
  });
  const iat = Math.floor(Date.now() / 1_000) - 100;
  const roleAfter = async (claims: object) => {
    expect((await call(await provider.token({ aud, ...claims }))).status).toBe(200);
    return (await membersOf(workspace)).map(({ role }) => role);
  };
  expect(await roleAfter({ iat, department: 'sales' })).toEqual(['member']);
  expect(await roleAfter({ iat: iat + 2, groups: ['it'], department: 'sales' })).toEqual(['admin']);
  expect(await roleAfter({ iat: iat + 1, department: 'sales' })).toEqual(['admin']);
  expect(await roleAfter({ iat: iat + 3, groups: 'founders' })).toEqual(['viewer']);
});

it('admits nobody new where provisioning is off, and nobody whose membership was removed', async () => {
  const workspace = await app.newWorkspace();
  const aud = 'https://closed.example.com';
  const connection = await connect(workspace, { audiences: [aud] });
  const token = await provider.token({ aud });
  expect((await call(token)).status).toBe(200);
  await app.database.owner.query(`update sso_connections set provisioning = 'none' where id = $1`, [connection]);
  expect((await call(token)).status).toBe(200);
  expect((await call(await provider.token({ aud, sub: 'grace' }))).status).toBe(401);
  await app.database.owner.query('update memberships set removed_at = now() where workspace_id = $1', [workspace.id]);
  expect((await call(token)).status).toBe(401);
  await app.database.owner.query(`update sso_connections set provisioning = 'jit' where id = $1`, [connection]);
  expect((await call(await provider.token({ aud }))).status).toBe(401);
});

it('refuses the tokens of a connection that was switched off, or of a suspended workspace, at once', async () => {
  const workspace = await app.newWorkspace();
  const aud = 'https://switched.example.com';
  const connection = await connect(workspace, { audiences: [aud] });
  const token = await provider.token({ aud });
  expect((await call(token)).status).toBe(200);
  await app.database.owner.query('update sso_connections set enabled_at = null where id = $1', [connection]);
  expect((await call(token)).status).toBe(401);
  await app.database.owner.query('update sso_connections set enabled_at = now() where id = $1', [connection]);
  await app.database.owner.query('update workspaces set suspended_at = now() where id = $1', [workspace.id]);
  expect((await call(token)).status).toBe(401);
});

describe('the keys of an issuer', () => {
  let passed_ms = 0;
  let sets: KeySets;
  let aud: string;
  beforeEach(async () => {
    passed_ms += 86_400_000;
    sets = app.app.nest.get(KeySets);
    sets.now = () => performance.now() + passed_ms;
    aud = `https://${randomUUID()}.example.com`;
    await connect(await app.newWorkspace(), { audiences: [aud] });
    provider.fetches = 0;
  });
  afterEach(() => (provider.is_down = false));

  it('rotate without a restart', async () => {
    expect((await call(await provider.token({ aud }))).status).toBe(200);
    const kid = await provider.rotate();
    passed_ms += 31_000;
    expect((await call(await provider.token({ aud }))).status).toBe(200);
    expect([provider.fetches, provider.keys.at(-1)?.kid]).toEqual([2, kid]);
  });

  it('are fetched once for all who ask at the same time', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => provider.token({ aud, n })));
    const answers = await Promise.all(tokens.map((token) => call(token)));
    expect([answers.every(({ status }) => status === 200), provider.fetches]).toEqual([true, 1]);
  });

  it('are asked for at most twice a minute by a storm of unknown key ids', async () => {
    const storm = async (from: number) => {
      for (let n = from; n < from + 100; n += 20) {
        const tokens = await Promise.all(
          Array.from({ length: 20 }, (_, i) => provider.token({ aud }, { kid: `x${n + i}` })),
        );
        const answers = await Promise.all(tokens.map((token) => call(token)));
        expect(answers.every(({ status }) => status === 401)).toBe(true);
      }
    };
    await storm(0);
    expect(provider.fetches).toBe(1);
    passed_ms += 30_500;
    await storm(100);
    expect(provider.fetches).toBe(2);
  });

  it('remember a key id that was missing', async () => {
    const token = await provider.token({ aud }, { kid: 'gone' });
    await call(token);
    for (const step of [31_000, 31_000, 31_000]) {
      passed_ms += step;
      expect((await call(token)).status).toBe(401);
    }
    expect(provider.fetches).toBe(2);
  });

  it('go on working for a day while the issuer is down', async () => {
    expect((await call(await provider.token({ aud }))).status).toBe(200);
    provider.is_down = true;
    passed_ms += 3_600_000;
    expect((await call(await provider.token({ aud, n: 1 }))).status).toBe(200);
    passed_ms += 86_400_000;
    expect((await call(await provider.token({ aud, n: 2 }))).status).toBe(401);
  });

  it('are found through the discovery document, and must fit what they are used for', async () => {
    const workspace = await app.newWorkspace();
    const own = `https://${randomUUID()}.example.com`;
    await connect(workspace, { audiences: [own], jwks_uri: null, algorithms: ['RS256', 'ES256'] });
    expect((await call(await provider.token({ aud: own }))).status).toBe(200);
    const kid = await provider.rotate('ES256');
    const key = provider.keys.find((one) => one.kid === kid);
    passed_ms += 31_000;
    expect((await call(await provider.token({ aud: own }))).status).toBe(200);
    Object.assign(key ?? {}, { use: 'enc' });
    passed_ms += 600_001;
    expect((await call(await provider.token({ aud: own, n: 2 }))).status).toBe(401);
    await provider.rotate();
  });
});
