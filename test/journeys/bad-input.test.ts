import { readdirSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import type { Answer, Json } from '../support/app.js';
import { type RawAnswer, sendAndLeave, sendRaw } from '../support/raw-http.js';
import { until } from '../support/until.js';
import { type Installation, newInstallation, OWNER_KEY, type ServerProcess } from '../support/server-process.js';

const MEGABYTE = 1_048_576;
const JSON_TYPE = { 'content-type': 'application/json' };

let installation: Installation;
let server: ServerProcess;
let contact: string;

beforeAll(async () => {
  installation = await newInstallation({
    ENGAWA_LIMIT_PRINCIPAL: '0',
    ENGAWA_LIMIT_WORKSPACE: '0',
    ENGAWA_LIMIT_ADDRESS: '0',
  });
  server = await installation.start();
  ({
    body: { id: contact },
  } = await server.as(OWNER_KEY).post('contacts', { first_name: 'Ada', email: 'ada@example.com' }));
}, 90_000);

afterAll(() => installation.remove(), 60_000);

/** Whatever was sent, the server goes on and has nothing to be ashamed of in its log. */
afterEach(async () => {
  expect((await server.as(OWNER_KEY).get(`contacts/${contact}`)).status).toBe(200);
  expect(server.stderr()).not.toMatch(/"level":[56]0/);
});

const send = (
  method: string,
  path: string,
  body: string | Uint8Array | undefined,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<Answer> => server.as(OWNER_KEY).request(method, path, body, headers);

function expectProblem(answer: Answer, status: number): void {
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    status,
    'application/problem+json; charset=utf-8',
  ]);
  expect(answer.body).toMatchObject({ status, type: expect.stringMatching(/^https?:\/\/.+\/[a-z-]+$/) });
  expect(answer.body.title).not.toBe('');
  expect(answer.body.detail).toMatch(/\w{3}/);
}

/** A refusal, or a connection that was closed on whoever does not speak HTTP. */
function expectRefused({ status, head, body }: RawAnswer): void {
  expect(status === 0 || (status >= 400 && status < 500)).toBe(true);
  if (/content-type/i.test(head)) {
    expect(head).toMatch(/content-type: application\/problem\+json/i);
    expect((JSON.parse(body) as Json).detail).toMatch(/\w{3}/);
  }
}

const nested = (levels: number, open = '[', close = ']'): string => open.repeat(levels) + close.repeat(levels);
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

it.each<[string, string | Uint8Array, number]>([
  ['no JSON', 'first_name=Ada', 400],
  ['half a JSON', '{"first_name": "Ada"', 400],
  ['JSON with a trailing comma', '{"first_name": "Ada",}', 400],
  ['two JSON texts', '{}{}', 400],
  ['a byte order mark and nothing else', '\uFEFF', 400],
  ['5,000 nested lists', nested(5_000), 400],
  ['5,000 nested objects', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, 400],
  ['5,000 nested lists inside a field', `{"attributes": ${nested(5_000)}}`, 400],
  ['lists that never close', '['.repeat(100_000), 400],
  ['invalid UTF-8', latin1('{"first_name": "Ren\xe9"}'), 400],
  ['an overlong UTF-8 sequence', latin1('{"first_name": "\xc0\x80"}'), 400],
  ['an escaped NUL', '{"first_name": "A\\u0000da"}', 422],
  ['a raw NUL', '{"first_name": "A\0da"}', 400],
  ['an escaped NUL in a name', '{"first\\u0000_name": "Ada"}', 422],
  ['a lone high surrogate', '{"first_name": "A\\ud800da"}', 422],
  ['a lone low surrogate', '{"first_name": "A\\udc00da"}', 422],
  ['a surrogate in UTF-8', latin1('{"first_name": "\xed\xa0\x80"}'), 400],
  ['a list instead of an object', '[]', 422],
  ['a text instead of an object', '"Ada"', 422],
  ['a number instead of an object', '12e400', 422],
  ['null instead of an object', 'null', 422],
  ['fields of wrong types', '{"first_name": 1, "email": {"a": 1}, "tags": "x", "attributes": []}', 422],
  ['a field nobody knows', '{"first_nam": "Ada"}', 422],
  [
    'a field that is not the caller\u2019s to set',
    '{"email": "a@example.com", "workspace_id": "x", "created_at": "x"}',
    422,
  ],
  ['the prototype', '{"__proto__": {"role": "owner"}, "constructor": {"prototype": {}}}', 422],
  ['a text of a megabyte less a little', `{"first_name": "${'a'.repeat(MEGABYTE - 100)}"}`, 422],
  ['100,000 tags', JSON.stringify({ tags: Array.from({ length: 100_000 }, (_, n) => String(n)) }), 422],
  ['10 MB', `{"first_name": "${'a'.repeat(10 * MEGABYTE)}"}`, 413],
])('a contact of %s is refused with a problem that says why', async (_, body, status) => {
  expectProblem(await send('POST', 'contacts', body), status);
  expectProblem(await send('PATCH', `contacts/${contact}`, body), status);
});

it.each([
  ['text/plain', 415],
  ['application/x-www-form-urlencoded', 415],
  ['multipart/form-data', 415],
  ['application/xml; charset=utf-8', 415],
  ['application/json/x', 415],
  [';;;', 415],
])('a body of the content type %s is refused', async (type, status) => {
  expectProblem(await send('POST', 'contacts', '{"first_name": "Ada"}', { 'content-type': type }), status);
});

it('a compressed body is refused, so that none can unfold to gigabytes', async () => {
  const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
  expectProblem(await send('POST', 'contacts', new Uint8Array([31, 139, 8]), headers), 415);
});

it.each(
  [
    'cursor=x',
    'cursor=',
    `cursor=${'A'.repeat(5_000)}`,
    `cursor=${Buffer.from('["x",null,{"a":1}]').toString('base64url')}`,
    `cursor=${Buffer.from('[]').toString('base64url')}`,
    `cursor=${Buffer.from(nested(2_000)).toString('base64url')}`,
    'cursor=%00',
    'limit=0',
    'limit=501',
    'limit=-1',
    'limit=1e2',
    'limit=99999999999999999999',
    'limit=abc',
    'limit=1&limit=2',
    'sort=secret_sha256',
    'sort=-,-',
    'nam=Ada',
    'created_at.gte=yesterday',
    'created_at.gte=9999999-01-01T00:00:00Z',
    'created_at.near=2026-01-01T00:00:00Z',
    'company_id=17',
    'include_deleted=maybe',
    'count=2',
    '__proto__=1',
    'constructor=1',
    'email[$ne]=x',
  ].map((query) => [query.slice(0, 40), query]),
)('a list asked with ?%s is refused with a problem that says why', async (_, query) => {
  expectProblem(await server.as(OWNER_KEY).get(`contacts?${query}`), 422);
});

it.each(
  ['q=%00', 'q=a%00b', 'email=%00', 'q=%ff', 'q=%ED%A0%80', 'q=%', `q=${'a '.repeat(3_000)}`, 'tags=%00', 'q="((('].map(
    (query) => [query.slice(0, 40), query],
  ),
)('a list asked with ?%s is answered or refused, and no fault', async (_, query) => {
  const answer = await server.as(OWNER_KEY).get(`contacts?${query}`);
  if (answer.status !== 200) expectProblem(answer, answer.status === 400 ? 400 : 422);
});

it.each(
  [
    '%',
    '%zz',
    '%ff',
    '%c0%80',
    '%ED%A0%80',
    '%00',
    'a%00b',
    '..%2f..%2fetc%2fpasswd',
    "'or'1'='1",
    'x'.repeat(5_000),
  ].map((id) => [id.slice(0, 40), id]),
)('an id of %s is an id that nobody has', async (_, id) => {
  for (const path of ['contacts', 'companies', 'ingest/runs', 'events', 'jobs', 'workspace/api-keys']) {
    const answer = await server.as(OWNER_KEY).get(`${path}/${id}`);
    // Some of our lists have no single record to get; a path that cannot be decoded is unreadable.
    expectProblem(answer, answer.status === 400 ? 400 : 404);
  }
});

it.each([
  ['DELETE', '/api/v1/contacts'],
  ['PUT', `/api/v1/contacts`],
  ['PATCH', '/api/v1/contacts'],
  ['POST', '/health'],
  ['OPTIONS', '/api/v1/contacts'],
  ['PROPFIND', '/api/v1/contacts'],
  ['GET', '/api/v1/nothing'],
  ['GET', '/api/v2/contacts'],
  ['GET', '/api/v1//contacts'],
  ['GET', '/.env'],
])('%s %s is no route, and says where the routes are', async (method, path) => {
  const answer = await server.as(OWNER_KEY).request(method, path);
  expect([404, 405]).toContain(answer.status);
  expectProblem(answer, answer.status);
});

it.each(
  [
    'Bearer',
    'Bearer ',
    'Bearer x',
    'Bearer null',
    `Bearer egw_journeys_${'z'.repeat(43)}`,
    `Bearer egw_journeys_${'k'.repeat(42)}`,
    `Bearer ${OWNER_KEY}x`,
    `bearer`,
    `Basic ${Buffer.from('ada:lovelace').toString('base64')}`,
    'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
    'Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA',
    'Bearer ..',
    `Bearer ${'a.'.repeat(2_000)}`,
  ].map((text) => [text.slice(0, 40), text]),
)('a caller who presents "%s" is not known', async (_, authorization) => {
  expectProblem(await server.as('').request('GET', 'contacts', undefined, { authorization }), 401);
});

it.each<[string, Readonly<Record<string, string>>, number]>([
  ['an Idempotency-Key of 300 letters', { 'idempotency-key': 'k'.repeat(300) }, 400],
  ['an empty Idempotency-Key', { 'idempotency-key': '' }, 400],
])('a create with %s is refused', async (_, headers, status) => {
  expectProblem(await send('POST', 'contacts', '{"first_name": "Ada"}', { ...JSON_TYPE, ...headers }), status);
});

it('odd request ids are replaced, odd preconditions do not hold', async () => {
  const answer = await server.as(OWNER_KEY).get('contacts', { 'x-request-id': 'a b"<script>' });
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expectProblem(await send('PATCH', `contacts/${contact}`, '{"title": "x"}', { ...JSON_TYPE, 'if-match': '"""' }), 412);
});

describe('over a bare socket', () => {
  const request = (line: string, ...headers: readonly string[]): string =>
    [line, 'host: localhost', `authorization: Bearer ${OWNER_KEY}`, 'connection: close', ...headers, '', ''].join(
      '\r\n',
    );
  const json = 'content-type: application/json';

  it.each<[string, string, number | null]>([
    ['no HTTP', 'hello\r\n\r\n', null],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00'.concat('\r\n\r\n'), null],
    ['an unknown method', request('FETCH /api/v1/contacts HTTP/1.1'), null],
    ['an HTTP/9.9', request('GET /api/v1/contacts HTTP/9.9'), null],
    ['no host', 'GET /api/v1/contacts HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['a header without a name', request('GET /api/v1/contacts HTTP/1.1', ': x'), null],
    ['a header with a line end', request('GET /api/v1/contacts HTTP/1.1', 'x: a\rb'), null],
    ['a header of 100 KB', request('GET /api/v1/contacts HTTP/1.1', `x-big: ${'a'.repeat(100_000)}`), 431],
    [
      'a thousand headers of 100 bytes',
      request('GET / HTTP/1.1', ...Array.from({ length: 1_000 }, (_, n) => `x-${n}: ${'a'.repeat(92)}`)),
      431,
    ],
    ['a path of 100 KB', request(`GET /${'a'.repeat(100_000)} HTTP/1.1`), 431],
    ['a broken percent-encoding', request('GET /api/v1/contacts/%E0%A4%A HTTP/1.1'), 400],
    ['a path with raw bytes', request('GET /api/v1/contacts/\u00ff HTTP/1.1'), null],
    ['a URL of another server', request('GET http://example.com/api/v1/nothing HTTP/1.1'), 404],
    [
      'two lengths',
      request('POST /api/v1/contacts HTTP/1.1', json, 'content-length: 2', 'content-length: 3') + '{}',
      null,
    ],
    [
      'a length and chunks',
      request('POST /api/v1/contacts HTTP/1.1', json, 'content-length: 2', 'transfer-encoding: chunked') + '0\r\n\r\n',
      null,
    ],
    ['a negative length', request('POST /api/v1/contacts HTTP/1.1', json, 'content-length: -1') + '{}', null],
    ['a length that is no number', request('POST /api/v1/contacts HTTP/1.1', json, 'content-length: ten') + '{}', null],
    [
      'a broken chunk',
      request('POST /api/v1/contacts HTTP/1.1', json, 'transfer-encoding: chunked') + 'zz\r\n{}\r\n',
      null,
    ],
    ['a length of 10 GB', request('POST /api/v1/contacts HTTP/1.1', json, 'content-length: 10000000000'), 413],
  ])('%s is refused or cut off', async (_, bytes, status) => {
    const answer = await sendRaw(server.url, bytes);
    expectRefused(answer);
    if (status !== null) expect(answer.status).toBe(status);
  });

  it('10 MB in chunks, without a length, is cut off with 413', async () => {
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const head = request('POST /api/v1/contacts HTTP/1.1', json, 'transfer-encoding: chunked');
    const answer = await sendRaw(server.url, head, ...Array.from({ length: 160 }, () => chunk), '0\r\n\r\n');
    // The answer is lost where the client still writes when the server closes.
    expect([0, 413]).toContain(answer.status);
    expectRefused(answer);
  });

  it.each([
    ['contacts', 'application/json', '{"first_name": "Ad'],
    ['contacts/batch', 'application/json', '[{"first_name": "Ad'],
    ['ingest', 'application/json', '{"source": "half", "payload": "First Na'],
    ['ingest/files?source=half', 'text/csv', 'First Name,Email\nAda,half@example.com\nGra'],
    [
      'ingest/files?source=half',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nFirst',
    ],
  ])('half a body to %s as %s, then silence for ever, leaves nothing behind', async (path, type, half) => {
    const runs = await installation.count('ingest_runs');
    const files = () => readdirSync(installation.data_dir, { recursive: true }).length;
    const filesBefore = files();
    const contacts = await installation.count('contacts');
    const head = request(`POST /api/v1/${path} HTTP/1.1`, `content-type: ${type}`, 'content-length: 5000');
    for (let n = 0; n < 5; n++) await sendAndLeave(server.url, head, half);
    await until('what was half stored is gone', () => files() <= filesBefore + 3);
    expect((await server.as(OWNER_KEY).get('ingest/runs')).status).toBe(200);
    expect(await installation.count('ingest_runs')).toBe(runs);
    expect(await installation.count('contacts')).toBe(contacts);
  });
});

it.each<[string, string, string | Uint8Array, string, number]>([
  ['10 MB', 'ingest', `{"source": "x", "payload": "${'a'.repeat(10 * MEGABYTE)}"}`, 'application/json', 413],
  ['a mapping that is no JSON', 'ingest/files?source=x&mapping={', 'First Name\nAda\n', 'text/csv', 422],
  ['an unknown option', 'ingest/files?source=x&again=perhaps', 'First Name\nAda\n', 'text/csv', 422],
  ['multipart without a boundary', 'ingest/files?source=x', '--x\r\n', 'multipart/form-data', 400],
  [
    'multipart that ends early',
    'ingest/files?source=x',
    '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nab',
    'multipart/form-data; boundary=x',
    422,
  ],
])('an upload of %s is refused with a problem that says why', async (_, path, body, type, status) => {
  const answer = await send('POST', path, body, { 'content-type': type });
  expectProblem(answer, answer.status === 400 ? 400 : status);
});

it.each<[string, string | Uint8Array, string]>([
  ['an empty file', '', 'text/csv'],
  ['random bytes', Uint8Array.from({ length: 4_096 }, (_, n) => (n * 7_919) % 251), 'application/octet-stream'],
  ['5,000 nested lists', nested(5_000), 'application/json'],
  ['a card that never ends', 'BEGIN:VCARD\r\n'.repeat(5_000), 'text/vcard'],
])('an upload of %s is refused, or its run ends and says what was wrong', async (_, body, type) => {
  const answer = await send('POST', 'ingest/files?source=x', body, { 'content-type': type });
  if (answer.status >= 400) return expectProblem(answer, answer.status === 400 ? 400 : 422);
  let run: Json = answer.body;
  await until('the run is over', async () => {
    ({ body: run } = await server.as(OWNER_KEY).get(`ingest/runs/${answer.body.id}`));
    return run.status !== 'pending' && run.status !== 'running';
  });
  expect(run.created).toBe(0);
  if (run.record_count > 0) expect([run.failure, run.errors, run.skipped]).not.toEqual([null, 0, 0]);
});

/** Every operation of the API, so that a new route is tried without being named here. */
const operations: [string, string][] = Object.entries(
  (JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')) as Json).paths as Record<
    string,
    object
  >,
).flatMap(([path, methods]) => Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), path]));

const BAD_BODIES: readonly (string | Uint8Array)[] = [
  '{',
  '[]',
  'null',
  '"text"',
  '{"no_such_field": 1}',
  '{"name": {"a": []}, "id": [], "email": 7, "items": {}, "payload": 1, "scopes": "x"}',
  '{"name": "a\\u0000b"}',
  '[null, 1, "x", {"no_such_field": 1}]',
  nested(5_000),
  latin1('{"name": "\xff"}'),
];

describe('every route of openapi.json', () => {
  const writing = operations.filter(([method]) => method === 'POST' || method === 'PATCH' || method === 'PUT');
  const reading = operations.filter(([method]) => method === 'GET');
  const filled = (path: string): string => path.replace(/\{\w+\}/g, randomUUID());

  it.each(writing)('%s %s answers bad bodies without a fault', async (method, path) => {
    for (const body of BAD_BODIES) {
      const answer = await send(method, filled(path), body);
      expect([String(body).slice(0, 40), answer.status < 500]).toEqual([expect.anything(), true]);
      if (answer.status >= 400 && path !== '/mcp') expectProblem(answer, answer.status);
    }
  });

  it.each(reading)('%s %s answers bad queries without a fault', async (_method, path) => {
    for (const query of [
      'no_such_parameter=1',
      'limit=-1',
      'cursor=x',
      'q=%00',
      'types=%00',
      'after=%00',
      'subject=%00/%00',
    ]) {
      // Of a stream only the head is read.
      const response = await fetch(`${server.url}${filled(path)}?${query}`, {
        headers: { authorization: `Bearer ${OWNER_KEY}` },
        redirect: 'manual',
      });
      expect([query, response.status < 500]).toEqual([query, true]);
      if (response.status >= 400 && path !== '/mcp')
        expect([query, response.headers.get('content-type')]).toEqual([
          query,
          'application/problem+json; charset=utf-8',
        ]);
      await response.body?.cancel();
    }
  });
});
