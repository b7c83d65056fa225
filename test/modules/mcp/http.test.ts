import { type IncomingMessage, request as httpRequest } from 'node:http';
import { type Caller, startTestApp, type TestApp } from '../../support/app.js';
import { McpFixtures } from '../../support/mcp-fixtures.js';

let app: TestApp;
let member: Caller;
beforeAll(async () => {
  app = await startTestApp(
    { mcp: { allowed_origins: ['https://inspector.example'], call_timeout_ms: 300 } },
    undefined,
    [McpFixtures],
  );
  member = await app.workspace.key('member');
});
afterAll(() => app.close());

const ACCEPT = { accept: 'application/json, text/event-stream' };
const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
const modern = (method: string, params: object = {}, version = '2026-07-28') => ({
  jsonrpc: '2.0',
  id: 3,
  method,
  params: {
    ...params,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': version,
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
});
const modernHeaders = (method: string, name?: string) => ({
  ...ACCEPT,
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...(name !== undefined && { 'mcp-name': name }),
});

/** fetch sets Host itself, so tests of Host and Origin speak to the socket. */
async function raw(
  headers: Record<string, string>,
  path = '/mcp',
  method = 'POST',
): Promise<{ status: number; headers: IncomingMessage['headers'] }> {
  const { port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { ...ACCEPT, authorization: `Bearer ${member.key}`, 'content-type': 'application/json', ...headers },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
      },
    );
    sent.on('error', reject);
    sent.end(method === 'POST' ? JSON.stringify(initialize) : undefined);
  });
}

async function openSession(caller: Caller): Promise<string> {
  const answer = await caller.post('/mcp', initialize, ACCEPT);
  expect(answer.status).toBe(200);
  return answer.headers.get('mcp-session-id') ?? '';
}

describe('the door', () => {
  it('serves hosts and origins that are ours or allowed', async () => {
    const { port } = new URL(app.url);
    for (const headers of [
      {},
      { host: `localhost:${port}` },
      { host: '[::1]' },
      { origin: `http://localhost:${port}` },
      { origin: 'https://inspector.example' },
    ]) {
      expect([headers, (await raw(headers as Record<string, string>)).status]).toEqual([headers, 200]);
    }
  });

  it('refuses foreign ones before authentication', async () => {
    const foreign: Record<string, string>[] = [
      { host: 'evil.example' },
      { host: 'localhost.evil.example' },
      { host: 'localhost@evil.example' },
      { host: '!' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'https://inspector.example.evil.example' },
      { origin: 'file://' },
    ];
    for (const headers of foreign) {
      const answer = await raw({ ...headers, authorization: 'Bearer nonsense' });
      expect([headers, answer.status]).toEqual([headers, 403]);
    }
  });

  it('lets allowed browsers ask first and see what they need', async () => {
    const answer = await raw({ origin: 'https://inspector.example' }, '/mcp', 'OPTIONS');
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe('https://inspector.example');
    expect(answer.headers['access-control-allow-headers']).toContain('mcp-session-id');
    expect(answer.headers['access-control-expose-headers']).toContain('www-authenticate');
    expect((await raw({ origin: 'https://evil.example' }, '/mcp', 'OPTIONS')).status).toBe(403);
  });

  it('reads JSON of at most the configured size', async () => {
    const text = await member.request('POST', '/mcp', 'hello', { ...ACCEPT, 'content-type': 'text/plain' });
    expect(text.status).toBe(415);
    const big = await member.post('/mcp', { ...ping, params: { text: 'x'.repeat(4_200_000) } }, ACCEPT);
    expect(big.status).toBe(413);
    for (const body of ['', '[]', 'null', '7', '"x"', '{"jsonrpc":"1.0"}']) {
      const odd = await member.request('POST', '/mcp', body, { ...ACCEPT, 'content-type': 'application/json' });
      expect([body, odd.status]).toEqual([body, 400]);
    }
    expect((await member.request('POST', '/mcp', '{', { ...ACCEPT, 'content-type': 'application/json' })).status).toBe(
      400,
    );
  });

  it('sends the transport of 2024 away', async () => {
    const answer = await app.anonymous.get('/sse');
    expect([answer.status, answer.body.suggestion]).toEqual([410, 'Use Streamable HTTP at /mcp.']);
  });
});

describe('who is calling', () => {
  it('answers 401 with a challenge that leads to the metadata', async () => {
    const none = await app.anonymous.post('/mcp', initialize, ACCEPT);
    expect(none.status).toBe(401);
    const metadata = `${app.url}/.well-known/oauth-protected-resource/mcp`;
    expect(none.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${metadata}"`);
    const wrong = await app.anonymous.post('/mcp', initialize, { ...ACCEPT, authorization: 'Bearer nonsense' });
    expect(wrong.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${metadata}", error="invalid_token"`);
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      const { status, body } = await app.anonymous.get(path);
      expect(status).toBe(200);
      expect(body).toMatchObject({ resource: `${app.url}/mcp`, bearer_methods_supported: ['header'] });
      expect(body.scopes_supported).toContain('contacts:read');
    }
  });

  it('takes no credential from the query', async () => {
    expect((await app.anonymous.post(`/mcp?access_token=${member.key}`, initialize, ACCEPT)).status).toBe(401);
  });
});

describe('limits', () => {
  it('refuse with 429 and a JSON-RPC error, and count each message of a batch', async () => {
    const limited = await startTestApp({ limits: { principal_per_minute: 4 } });
    try {
      const caller = await limited.workspace.key('member');
      const refused = async () => {
        const answer = await caller.post('/mcp', initialize, ACCEPT);
        expect([answer.status, answer.body.id, answer.body.error.code]).toEqual([429, 1, -32_000]);
        expect(answer.body.error.data.status).toBe(429);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      };
      for (let index = 0; index < 4; index++) {
        expect((await caller.post('/mcp', initialize, ACCEPT)).status).toBe(200);
      }
      await refused();
      const other = await limited.workspace.key('member');
      const session = (await other.post('/mcp', initialize, ACCEPT)).headers.get('mcp-session-id') ?? '';
      const header = { ...ACCEPT, 'mcp-session-id': session };
      const batch = (size: number) => Array.from({ length: size }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' }));
      expect((await other.post('/mcp', batch(2), header)).status).toBe(200);
      expect((await other.post('/mcp', batch(2), header)).status).toBe(429);
    } finally {
      await limited.close();
    }
  });
});

describe('sessions of the legacy generation', () => {
  it('lose their stream within two seconds when the key is revoked', async () => {
    const caller = await app.workspace.key('member');
    const header = { ...ACCEPT, 'mcp-session-id': await openSession(caller) };
    const stream = await fetch(`${app.url}/mcp`, {
      headers: { ...header, authorization: `Bearer ${caller.key}` },
      signal: AbortSignal.timeout(10_000),
    });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    await app.database.owner.query('update api_keys set revoked_at = now() where prefix = $1', [
      caller.key.slice(4, 12),
    ]);
    const revoked_at_ms = performance.now();
    await stream.text().catch((error: Error) => expect(error.name).not.toBe('TimeoutError'));
    expect(performance.now() - revoked_at_ms).toBeLessThan(2_500);
  });

  it('answer to their principal alone', async () => {
    const session = await openSession(member);
    expect(session).toMatch(/^[0-9a-f]{32}$/);
    const header = { ...ACCEPT, 'mcp-session-id': session };
    expect((await member.post('/mcp', ping, header)).status).toBe(200);
    const other = await app.workspace.key('owner');
    const stranger = (await app.newWorkspace()).owner;
    const unknown = await member.post('/mcp', ping, { ...ACCEPT, 'mcp-session-id': 'f'.repeat(32) });
    expect(unknown.status).toBe(404);
    for (const caller of [other, stranger]) {
      for (const method of ['POST', 'GET', 'DELETE']) {
        const answer = await caller.request(method, '/mcp', method === 'POST' ? ping : undefined, header);
        expect([method, answer.status, answer.body]).toEqual([method, 404, unknown.body]);
      }
    }
    expect((await member.post('/mcp', ping, header)).status).toBe(200);
  });

  it('end with DELETE', async () => {
    const header = { ...ACCEPT, 'mcp-session-id': await openSession(member) };
    expect((await member.delete('/mcp', header)).status).toBe(200);
    expect((await member.post('/mcp', ping, header)).status).toBe(404);
  });

  it('need a session after initialize, and a revision we know', async () => {
    expect((await member.post('/mcp', ping, ACCEPT)).status).toBe(400);
    expect((await member.get('/mcp', ACCEPT)).status).toBe(400);
    const header = { ...ACCEPT, 'mcp-session-id': await openSession(member), 'mcp-protocol-version': '1999-01-01' };
    expect((await member.post('/mcp', ping, header)).status).toBe(400);
  });

  it('are at most 32 per principal: the longest idle goes', async () => {
    const caller = await app.workspace.key('viewer');
    const sessions: string[] = [];
    for (let index = 0; index < 33; index++) sessions.push(await openSession(caller));
    const status = async (session = '') =>
      (await caller.post('/mcp', ping, { ...ACCEPT, 'mcp-session-id': session })).status;
    expect(await status(sessions[0])).toBe(404);
    expect(await status(sessions[1])).toBe(200);
    expect(await status(sessions[32])).toBe(200);
  });

  it('have the rights of each request, not of the first', async () => {
    const caller = await app.workspace.key('member');
    const header = { ...ACCEPT, 'mcp-session-id': await openSession(caller) };
    const list = async () =>
      (await caller.post('/mcp', { jsonrpc: '2.0', id: 5, method: 'tools/list' }, header)).text.includes('"count_up"');
    expect(await list()).toBe(true);
    await app.database.owner.query("update api_keys set role = 'viewer' where prefix = $1", [caller.key.slice(4, 12)]);
    expect(await list()).toBe(false);
  });

  it('can be switched off, and every message then stands alone', async () => {
    const other = await startTestApp({ mcp: { legacy_sessions: false } });
    try {
      const started = await other.workspace.owner.post('/mcp', initialize, ACCEPT);
      expect([started.status, started.headers.get('mcp-session-id')]).toEqual([200, null]);
      const list = await other.workspace.owner.post('/mcp', { jsonrpc: '2.0', id: 5, method: 'tools/list' }, ACCEPT);
      expect(list.text).toContain('"get_job"');
      expect((await other.workspace.owner.get('/mcp', ACCEPT)).status).toBe(405);
    } finally {
      await other.close();
    }
  });
});

describe('the modern generation', () => {
  it('knows only POST', async () => {
    const headers = { ...ACCEPT, 'mcp-protocol-version': '2026-07-28' };
    for (const method of ['GET', 'DELETE']) {
      const answer = await member.request(method, '/mcp', undefined, headers);
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
  });

  it('answers in JSON, with lists that may be kept for a minute by their caller', async () => {
    const answer = await member.post('/mcp/', modern('tools/list'), modernHeaders('tools/list'));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(answer.body.result).toMatchObject({ ttlMs: 60_000, cacheScope: 'private' });
    const discovered = await member.post('/mcp', modern('server/discover'), modernHeaders('server/discover'));
    expect(discovered.body.result.supportedVersions).toEqual(['2026-07-28']);
    const read = await member.post(
      '/mcp',
      modern('resources/read', { uri: 'engawa://guide' }),
      modernHeaders('resources/read', 'engawa://guide'),
    );
    expect(read.body.result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
  });

  it('refuses headers that contradict the body, unknown revisions and unknown methods', async () => {
    const contradiction = await member.post('/mcp', modern('tools/list'), modernHeaders('tools/call'));
    expect([contradiction.status, contradiction.body.error.code]).toEqual([400, -32_020]);
    const revision = await member.post('/mcp', modern('tools/list', {}, '2030-01-01'), {
      ...modernHeaders('tools/list'),
      'mcp-protocol-version': '2030-01-01',
    });
    expect([revision.status, revision.body.error.code]).toEqual([400, -32_022]);
    expect(revision.body.error.data.supported).toEqual(['2026-07-28']);
    const method = await member.post('/mcp', modern('nothing/here'), modernHeaders('nothing/here'));
    expect([method.status, method.body.error.code]).toEqual([404, -32_601]);
    const cursor = await member.post('/mcp', modern('tools/list', { cursor: 'x' }), modernHeaders('tools/list'));
    expect(cursor.body.error.code).toBe(-32_602);
  });

  it('gives up a call after its time', async () => {
    const answer = await member.post(
      '/mcp',
      modern('tools/call', { name: 'wait_forever', arguments: { steps: 1 } }),
      modernHeaders('tools/call', 'wait_forever'),
    );
    expect(answer.body.result.isError).toBe(true);
    expect(answer.body.result._meta['engawa/problem']).toMatchObject({ status: 504, title: 'The call took too long' });
  });
});

it('answers nonsense with a refusal in both generations, never with a fault', async () => {
  const session = { ...ACCEPT, 'mcp-session-id': await openSession(member) };
  const odd: unknown[] = [null, 7, '', 'x', [], [[]], {}, { name: null }, { name: 7 }, { name: 'x'.repeat(100_000) }];
  const args: unknown[] = [null, [], 7, { __proto__: 1 }, JSON.parse('{"__proto__":{"x":1}}'), { constructor: 1 }];
  const params = [
    ...odd,
    ...args.map((given) => ({ name: 'echo_text', arguments: given })),
    { uri: '%' },
    { uri: null },
  ];
  for (const method of ['tools/call', 'tools/list', 'resources/read', 'prompts/get', 'initialize', '__proto__', '']) {
    for (const given of params) {
      const legacy = await member.post('/mcp', { jsonrpc: '2.0', id: 9, method, params: given }, session);
      const name = (given as { name?: unknown } | null)?.name;
      const now = await member.post(
        '/mcp',
        modern(method, given as object),
        modernHeaders(method, typeof name === 'string' && name.length < 100 ? name : undefined),
      );
      for (const answer of [legacy, now]) {
        const shown = [method, JSON.stringify(given)?.slice(0, 60), answer.status];
        expect([...shown, answer.status < 500 && !answer.text.includes('internal-error')]).toEqual([...shown, true]);
      }
    }
  }
});
