import type { webcrypto } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** A company's identity provider on a local port: keys that rotate, tokens of any shape, and a count of who asked. */
export interface IdentityProvider {
  readonly issuer: string;
  readonly jwks_uri: string;
  /** Public keys as they are served. */
  readonly keys: JWK[];
  /** How many times the key set was fetched. */
  fetches: number;
  is_down: boolean;
  /** A key that signs from now on; it is served unless `is_hidden`. */
  rotate(alg?: string, is_hidden?: boolean): Promise<string>;
  /** A token that passes every check unless `claims` or `header` say otherwise; a claim of undefined is left out. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>;
  stop(): Promise<void>;
}

export const API_AUDIENCE = 'https://api.example.com';

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const server = createServer((request, response) => {
    if (provider.is_down) return void request.socket.destroy();
    response.setHeader('content-type', 'application/json');
    if (request.url === '/keys') {
      provider.fetches += 1;
      return void response.end(JSON.stringify({ keys: provider.keys }));
    }
    if (request.url === '/.well-known/openid-configuration') {
      return void response.end(JSON.stringify({ issuer: provider.issuer, jwks_uri: provider.jwks_uri }));
    }
    response.statusCode = 404;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let signing: { key: webcrypto.CryptoKey; alg: string; kid: string };
  let count = 0;
  const provider: IdentityProvider = {
    issuer,
    jwks_uri: `${issuer}/keys`,
    keys: [],
    fetches: 0,
    is_down: false,
    rotate: async (alg = 'RS256', isHidden = false) => {
      const pair = await generateKeyPair(alg, { extractable: true });
      const kid = `key-${++count}`;
      signing = { key: pair.privateKey, alg, kid };
      if (!isHidden) provider.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' });
      return kid;
    },
    token: (claims = {}, header = {}) => {
      const now = Math.floor(Date.now() / 1_000);
      const all = { iss: issuer, aud: API_AUDIENCE, sub: 'ada', iat: now, exp: now + 300, ...claims };
      return new SignJWT(all).setProtectedHeader({ alg: signing.alg, kid: signing.kid, ...header }).sign(signing.key, {
        crit: Object.fromEntries(((header['crit'] as string[] | undefined) ?? []).map((name) => [name, true])),
      });
    },
    stop: () => stop(server),
  };
  await provider.rotate();
  return provider;
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
