import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';
import { KeySets } from '../../../src/platform/auth/key-sets.js';
import { caller, startTestApp, type TestApp } from '../../support/app.js';

const RESOURCE = 'https://engawa.example.com/api';

let app: TestApp;
let server: Server;
let issuer: string;
let serve: (request: IncomingMessage, response: ServerResponse) => unknown;

beforeAll(async () => {
  server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  app = await startTestApp({ outbound: { allow_hosts: ['127.0.0.1'] } });
});
afterAll(async () => {
  await app.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function newKey(kid: string, alg: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' };
}

/** The provider with these keys; the first one signs. */
function provide(keys: readonly JWK[], alg: string): void {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'nightly-import',
        client_secret: 'a secret of the provider, not of ours',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    jwks: { keys },
    ttl: { ClientCredentials: 300 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'crm',
          audience: RESOURCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
  });
  serve = provider.callback();
}

async function accessToken(): Promise<string> {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`nightly-import:${encodeURIComponent('a secret of the provider, not of ours')}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: RESOURCE, scope: 'crm' }),
  });
  const { access_token } = (await answer.json()) as { access_token: string };
  return access_token;
}

it('an access token of a certified provider works as a bearer, also after its keys rotated', async () => {
  const first = await newKey('first', 'RS256');
  provide([first], 'RS256');
  const made = await app.workspace.owner.post('workspace/sso-connections', {
    name: 'Company login',
    issuer,
    audiences: [RESOURCE],
    algorithms: ['RS256', 'PS256'],
    provisioning: 'jit',
    default_role: 'member',
  });
  expect(made.status).toBe(201);
  const old = await accessToken();
  const contact = await caller(app.url, old).post('contacts', { first_name: 'Ada', email: 'ada@example.com' });
  expect([contact.status, contact.body.first_name]).toEqual([201, 'Ada']);

  provide([await newKey('second', 'PS256'), first], 'PS256');
  const sets = app.app.nest.get(KeySets);
  sets.now = () => performance.now() + 31_000;
  const fresh = await accessToken();
  const header = JSON.parse(Buffer.from(fresh.split('.')[0] ?? '', 'base64url').toString());
  expect(header).toMatchObject({ kid: 'second', alg: 'PS256', typ: 'at+jwt' });
  expect([
    (await caller(app.url, fresh).get('contacts')).status,
    (await caller(app.url, old).get('contacts')).status,
  ]).toEqual([200, 200]);
  const { body } = await app.workspace.owner.get('workspace/members');
  expect(body.items).toMatchObject([{ name: 'nightly-import', role: 'member', source: 'sso' }]);
});
