import { SignJWT } from 'jose';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { AccessTokens } from '../../../src/platform/auth/access-tokens.js';
import { PrincipalLookUp } from '../../../src/platform/auth/principal-look-up.js';
import { Sessions } from '../../../src/platform/auth/sessions.js';
import { SigningKeys } from '../../../src/platform/auth/signing-keys.js';
import { SseClient } from '../events/sse-client.js';
import { caller, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';

let app: TestApp;
let other: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  other = await startTestApp({}, app.database);
});
afterAll(async () => {
  await other.close();
  await app.close();
});

interface Person {
  readonly user_id: string;
  readonly session_id: string;
  readonly token: string;
}

async function signIn(workspace: TestWorkspace, role = 'admin'): Promise<Person> {
  const { rows } = await app.database.owner.query<{ id: string }>(
    `insert into users (email, name) values (gen_random_uuid() || '@example.com', 'Ada') returning id`,
  );
  const user_id = rows[0]?.id ?? '';
  await join(user_id, workspace, role);
  const session_id = await app.app.nest.get(Sessions).start({ user_id, ip: '127.0.0.1', user_agent: 'test' });
  const { token } = await app.app.nest.get(AccessTokens).issue({ user_id, session_id, workspace_id: workspace.id });
  return { user_id, session_id, token };
}

function join(userId: string, workspace: TestWorkspace, role: string) {
  return app.database.owner.query('insert into memberships (workspace_id, user_id, role) values ($1, $2, $3)', [
    workspace.id,
    userId,
    role,
  ]);
}

/** As the instance that did not issue the token sees it. */
const seen = async (token: string, workspace?: string) => {
  const { status, body } = await caller(other.url, token).get(
    'workspace',
    workspace === undefined ? {} : { 'x-workspace': workspace },
  );
  return status === 200 ? body.id : status;
};

it('is accepted by every instance, in the workspace of the token', async () => {
  const { token, user_id, session_id } = await signIn(app.workspace);
  expect(await seen(token)).toBe(app.workspace.id);
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  expect(claims).toMatchObject({ sub: user_id, sid: session_id, ws: app.workspace.id, exp: claims.iat + 900 });
  const { rows } = await app.database.owner.query('select ciphertext from signing_keys');
  expect([rows.length, String(rows[0]?.ciphertext).includes('PRIVATE')]).toEqual([1, false]);
});

it('reaches the other workspaces of the person by X-Workspace, by id or slug, and no others', async () => {
  const [mine, foreign] = [await app.newWorkspace(), await app.newWorkspace()];
  const { token, user_id } = await signIn(app.workspace);
  await join(user_id, mine, 'viewer');
  expect([await seen(token, mine.id), await seen(token, `w-${mine.id}`)]).toEqual([mine.id, mine.id]);
  const answers = [];
  for (const name of [foreign.id, `w-${foreign.id}`, 'no-such-workspace', crypto.randomUUID()]) {
    answers.push(await caller(app.url, token).get('workspace', { 'x-workspace': name }));
  }
  expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, { ...body, instance: '' }]))).size).toBe(1);
  expect(answers[0]).toMatchObject({ status: 404, body: { type: expect.stringContaining('workspace-not-found') } });
});

it('does not let its holder guess workspaces without limit', async () => {
  const limited = await startTestApp({ limits: { address_per_minute: 5 } }, app.database);
  try {
    const { token } = await signIn(app.workspace);
    const guess = (n: number) => caller(limited.url, token).get('workspace', { 'x-workspace': `guess-${n}` });
    const statuses = [];
    for (let n = 0; n < 8; n++) statuses.push((await guess(n)).status);
    expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429, 429]);
  } finally {
    await limited.close();
  }
});

describe('on the next request, also on another instance, a person is refused', () => {
  const ends: Readonly<Record<string, (person: Person, workspace: TestWorkspace) => Promise<unknown>>> = {
    'whose session ended': ({ session_id }) => app.app.nest.get(Sessions).end(session_id),
    'whose session is over': ({ session_id }) =>
      app.database.owner.query('update sign_in_sessions set ends_at = now() where id = $1', [session_id]),
    'who was idle too long': ({ session_id }) =>
      app.database.owner.query('update sign_in_sessions set idle_until = now() where id = $1', [session_id]),
    'who was disabled': ({ user_id }) =>
      app.database.owner.query('update users set disabled_at = now() where id = $1', [user_id]),
    'who was removed from the workspace': ({ user_id }, workspace) =>
      workspace.owner.delete(`workspace/members/${user_id}`),
    'whose workspace was suspended': (_person, workspace) =>
      app.database.owner.query('update workspaces set suspended_at = now() where id = $1', [workspace.id]),
  };

  it.each(Object.keys(ends))('%s', async (name) => {
    const workspace = await app.newWorkspace();
    const person = await signIn(workspace);
    const look = other.app.nest.get(PrincipalLookUp);
    const principal = { ...(await look.principalFor(workspace.id, { type: 'user', id: person.user_id, name: '' }))! };
    const signedIn = { ...principal, session_id: person.session_id };
    expect([await seen(person.token), await look.stillValid(signedIn)]).toEqual([workspace.id, true]);
    await ends[name]?.(person, workspace);
    expect([await seen(person.token), await look.stillValid(signedIn)]).toEqual([401, false]);
  });
});

it('ends the open streams of a person with the session', async () => {
  const { token, session_id } = await signIn(app.workspace);
  const stream = SseClient.open(other.url, token, '/api/v1/events/stream');
  await stream.until(({ messages }) => messages.some(({ event }) => event === 'connected'));
  await app.app.nest.get(Sessions).end(session_id);
  await stream.until(({ isEnded }) => isEnded, 2_500);
  expect(stream.messages.at(-1)?.event).toBe('closed');
});

it('is refused when it was changed, has ended, is signed by somebody else or is for another purpose', async () => {
  const { user_id, session_id } = await signIn(app.workspace);
  const tokens = app.app.nest.get(AccessTokens);
  const key = await app.app.nest.get(SigningKeys).current();
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: tokens.issuer,
    aud: tokens.issuer,
    sub: user_id,
    sid: session_id,
    ws: app.workspace.id,
    exp: now + 60,
  };
  const sign = (changed: object = {}, header: object = {}) =>
    new SignJWT({ ...claims, ...changed })
      .setProtectedHeader({ alg: 'ES256', kid: key.id, typ: 'at+jwt', ...header })
      .sign(key.private_key);
  expect(await seen(await sign())).toBe(app.workspace.id);
  const wrong = [
    await sign({ exp: now - 6 }),
    await sign({ exp: undefined }),
    await sign({ aud: 'https://elsewhere.example.com' }),
    await sign({ sid: crypto.randomUUID() }),
    await sign({ sub: crypto.randomUUID() }),
    await sign({ sub: 'me' }),
    await sign({}, { typ: 'JWT' }),
    await sign({}, { kid: 'another' }),
    `${(await sign()).slice(0, -8)}AAAAAAAA`,
  ];
  expect(await Promise.all(wrong.map((token) => seen(token)))).toEqual(wrong.map(() => 401));
});

it('makes one signing key when several processes need the first one together', async () => {
  const database = app.database.owner;
  await database.query('delete from signing_keys');
  const fresh = [await startTestApp({}, app.database), await startTestApp({}, app.database)];
  const keys = await Promise.all(fresh.map(({ app: { nest } }) => nest.get(SigningKeys).current()));
  expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
  await Promise.all(fresh.map((one) => one.close()));
});

it('answers for jobs with the rights of this moment', async () => {
  const look = app.app.nest.get(PrincipalLookUp);
  const { user_id } = await signIn(app.workspace, 'member');
  const actor = { type: 'user', id: user_id, name: 'Ada' } as const;
  expect((await look.principalFor(app.workspace.id, actor))?.role).toBe('member');
  await app.database.owner.query(`update memberships set role = 'viewer' where user_id = $1`, [user_id]);
  expect((await look.principalFor(app.workspace.id, actor))?.permissions.has('contacts:write')).toBe(false);
  expect(await look.principalFor((await app.newWorkspace()).id, actor)).toBeNull();
  expect(await look.stillValid(systemPrincipal(app.workspace.id))).toBe(true);
});
