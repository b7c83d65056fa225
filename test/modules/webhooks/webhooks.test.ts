import { randomUUID } from 'node:crypto';
import type { Caller, Json } from '../../support/app.js';
import { newSecret } from '../../../src/modules/webhooks/signing-secret.js';
import { verified } from './receiver.js';
import { startBench, type WebhooksBench } from './webhooks-bench.js';

let bench: WebhooksBench;
let owner: Caller;
beforeAll(async () => {
  bench = await startBench();
  owner = bench.owner;
});
afterAll(() => bench.close());
beforeEach(() => bench.reset());

const valid = () => ({ name: 'Orders', url: bench.receiver.url });
const pointers = ({ body }: Json): string[] => body.errors.map(({ pointer }: Json) => pointer);

describe('POST /webhooks', () => {
  it('registers with defaults and shows the secret once', async () => {
    const answer = await owner.post('webhooks', valid());
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/api/v1/webhooks/${answer.body.id}`);
    expect(answer.body).toMatchObject({
      event_types: ['*'],
      payload_form: 'full',
      retry: 'short',
      timeout_ms: 15_000,
      max_in_flight: 8,
      per_second: null,
      is_active: true,
      headers: {},
    });
    expect(Buffer.from(answer.body.secret.replace('whsec_', ''), 'base64')).toHaveLength(32);
    const shown = await owner.get(`webhooks/${answer.body.id}`);
    expect(shown.body).not.toHaveProperty('secret');
    expect((await owner.get('webhooks')).body.items).toEqual([shown.body]);
  });

  it('is executed once under an Idempotency-Key, and answers the same secret again', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await owner.post('webhooks', valid(), headers);
    const second = await owner.post('webhooks', valid(), headers);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.body).toEqual(first.body);
    expect((await owner.get('webhooks?count=true')).body.count).toBe(1);
  });

  it("takes the caller's own secret", async () => {
    for (const secret of [newSecret('hmac').text, newSecret('ed25519').text]) {
      expect((await owner.post('webhooks', { ...valid(), secret })).body.secret).toBe(secret);
    }
  });

  it('needs webhooks:write, and the right to read what it will be told', async () => {
    expect((await bench.app.anonymous.post('webhooks', valid())).status).toBe(401);
    const member = await bench.app.workspace.key('member');
    expect((await member.post('webhooks', valid())).status).toBe(403);
    const narrow = await bench.app.workspace.key('admin', ['webhooks:write', 'contacts:read']);
    expect((await narrow.post('webhooks', valid())).status).toBe(403);
    expect((await narrow.post('webhooks', { ...valid(), event_types: ['contact.*'] })).status).toBe(201);
    const admin = await bench.app.workspace.key('admin');
    expect((await admin.post('webhooks', { ...valid(), event_types: ['job.parked'] })).status).toBe(403);
    expect((await admin.post('webhooks', valid())).status).toBe(201);
  });

  it.each<[string, object, string]>([
    ['no name', { name: '' }, '/name'],
    ['a type that does not exist', { event_types: ['contact.craeted'] }, '/event_types/0'],
    ['a wildcard over webhooks', { event_types: ['contact.*', 'webhook.*'] }, '/event_types/1'],
    ['no type', { event_types: [] }, '/event_types'],
    ['no URL', { url: 'nonsense' }, '/url'],
    ['a user in the URL', { url: 'https://a:b@example.com/' }, '/url'],
    ['a fragment', { url: 'https://example.com/#x' }, '/url'],
    ['the metadata address', { url: 'http://169.254.169.254/' }, '/url'],
    ['an address in odd notation', { url: 'http://0x7f.1/' }, '/url'],
    ['a private address', { url: 'https://10.0.0.1/' }, '/url'],
    ['a secret that is too short', { secret: `whsec_${Buffer.alloc(23).toString('base64')}` }, '/secret'],
    ['a secret that is no base64', { secret: 'whsec_?' }, '/secret'],
    ['a secret of the other kind', { secret: newSecret('hmac').text, signing: 'ed25519' }, '/secret'],
    ['a header of the message', { headers: { 'Webhook-Id': 'x' } }, '/headers'],
    ['a header of the transport', { headers: { host: 'x' } }, '/headers'],
    ['a header of two lines', { headers: { 'x-a': 'a\r\nb: c' } }, '/headers'],
    ['a header that is no text', { headers: { 'x-a': 1 } }, '/headers'],
    ['too short a time', { timeout_ms: 999 }, '/timeout_ms'],
    ['too much at a time', { max_in_flight: 33 }, '/max_in_flight'],
    ['an unknown field', { is_admin: true }, '/is_admin'],
  ])('refuses %s with 422', async (_name, fields, pointer) => {
    const answer = await owner.post('webhooks', { ...valid(), ...fields });
    expect([answer.status, ...pointers(answer)]).toEqual([422, pointer]);
  });

  it('suggests the type that was meant', async () => {
    const answer = await owner.post('webhooks', { ...valid(), event_types: ['contact.craeted'] });
    expect(answer.body.detail).toContain('Did you mean "contact.created"?');
  });

  it('registers at most 100, however many ask at a time', async () => {
    await bench.sql(
      `insert into webhooks (workspace_id, name, url) select $1, 'n', 'https://example.com' from generate_series(1, 98)`,
      [bench.app.workspace.id],
    );
    const answers = await Promise.all(Array.from({ length: 4 }, () => owner.post('webhooks', valid())));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(2);
    expect(answers.find(({ status }) => status === 409)?.body.type).toMatch(/too-many-webhooks$/);
  });
});

describe('PATCH and DELETE', () => {
  it('changes what is named, publishes what changed, and nothing when nothing did', async () => {
    const { id } = await bench.register({ headers: { 'x-a': '1', 'x-b': '2' } });
    const before = (await bench.eventTypes('webhook.updated')).length;
    const answer = await owner.patch(`webhooks/${id}`, {
      name: 'New',
      headers: { 'x-b': null, 'x-c': '3', 'x-a': '[redacted]' },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { name: 'New', headers: { 'x-a': '[redacted]', 'x-c': '[redacted]' } },
    });
    await owner.patch(`webhooks/${id}`, { name: 'New' });
    expect((await bench.eventTypes('webhook.updated')).length - before).toBe(1);
    await bench.createContact();
    await bench.deliver();
    expect(bench.receiver.received[0]?.headers).toMatchObject({ 'x-a': '1', 'x-c': '3' });
    expect(bench.receiver.received[0]?.headers).not.toHaveProperty('x-b');
  });

  it('honours If-Match', async () => {
    const { id } = await bench.register();
    const etag = (await owner.get(`webhooks/${id}`)).headers.get('etag') ?? '';
    expect((await owner.patch(`webhooks/${id}`, { name: 'A' }, { 'if-match': etag })).status).toBe(200);
    expect((await owner.patch(`webhooks/${id}`, { name: 'B' }, { 'if-match': etag })).status).toBe(412);
  });

  it('lets nobody redirect what they may not read', async () => {
    const { id } = await bench.register();
    const narrow = await bench.app.workspace.key('admin', ['webhooks:write']);
    expect((await narrow.patch(`webhooks/${id}`, { url: `${bench.receiver.url}/mine` })).status).toBe(403);
    expect((await narrow.patch(`webhooks/${id}`, { name: 'Only a name' })).status).toBe(200);
  });

  it('refuses what a new one could not have either', async () => {
    const { id } = await bench.register();
    for (const body of [{ url: 'http://10.0.0.1' }, { event_types: ['x'] }, { name: null }, { headers: { host: 'x' } }])
      expect((await owner.patch(`webhooks/${id}`, body)).status).toBe(422);
  });

  it('removes it from sight with its secrets', async () => {
    const { id } = await bench.register();
    expect((await owner.delete(`webhooks/${id}`)).status).toBe(204);
    expect((await owner.get(`webhooks/${id}`)).status).toBe(404);
    expect((await owner.get(`webhooks/${id}/deliveries`)).status).toBe(404);
    expect((await owner.delete(`webhooks/${id}`)).status).toBe(404);
    expect(await bench.sql('select * from webhook_secrets')).toEqual([]);
    expect(await bench.eventTypes('webhook.deleted')).not.toEqual([]);
  });
});

describe('secrets', () => {
  it('sign side by side within the grace time, newest first, and a retry carries both', async () => {
    const webhook = await bench.register();
    bench.receiver.answer(500);
    await bench.createContact();
    await bench.deliver();
    const rotated = await owner.post(`webhooks/${webhook.id}/secrets`, { grace_s: 3_600 });
    expect(rotated.status).toBe(201);
    bench.receiver.answer(200);
    await bench.deliver({ all: true });
    const [first, retry] = bench.receiver.received;
    const signaturesOf = (received: typeof first) => String(received?.headers['webhook-signature']).split(' ');
    expect(signaturesOf(first)).toHaveLength(1);
    expect(signaturesOf(retry)).toHaveLength(2);
    for (const secret of [webhook.secret, rotated.body.secret]) verified(secret, retry!);
    const newest = { ...retry!, headers: { ...retry!.headers, 'webhook-signature': signaturesOf(retry)[0] } };
    verified(rotated.body.secret, newest);
    await bench.sql(`update webhook_secrets set expires_at = now() where expires_at is not null`);
    await bench.createContact();
    await bench.deliver();
    const last = bench.receiver.received.at(-1)!;
    verified(rotated.body.secret, last);
    expect(signaturesOf(last)).toHaveLength(1);
    expect(() => verified(webhook.secret, last)).toThrow();
  });

  it('end at once without grace, and may be of both kinds', async () => {
    const webhook = await bench.register();
    const asymmetric = await owner.post(`webhooks/${webhook.id}/secrets`, { kind: 'ed25519' });
    expect(asymmetric.body).toMatchObject({
      kind: 'ed25519',
      expires_at: null,
      secret: expect.stringMatching(/^whsk_/),
    });
    await bench.createContact();
    await bench.deliver();
    expect(bench.receiver.received[0]?.headers['webhook-signature']).toMatch(/^v1a,\S+ v1,\S+$/);
    const next = await owner.post(`webhooks/${webhook.id}/secrets`, { grace_s: 0 });
    expect(next.body.kind).toBe('ed25519');
    const { items } = (await owner.get(`webhooks/${webhook.id}/public-key`)).body;
    expect(items).toMatchObject([{ secret_id: next.body.id, public_key: expect.stringMatching(/^whpk_/) }]);
  });

  it('are at most five at a time', async () => {
    const { id } = await bench.register();
    for (let count = 2; count <= 5; count++) expect((await owner.post(`webhooks/${id}/secrets`)).status).toBe(201);
    const refused = await owner.post(`webhooks/${id}/secrets`);
    expect([refused.status, refused.body.type]).toEqual([409, expect.stringMatching(/too-many-secrets$/)]);
    expect((await owner.post(`webhooks/${id}/secrets`, { secret: 'x' })).status).toBe(422);
    expect((await owner.post(`webhooks/${id}/secrets`, { grace_s: 604_801 })).status).toBe(422);
  });

  it('and header values are in no event, log or table in the clear', async () => {
    const { id, secret } = await bench.register({ headers: { 'x-api-key': 'open-sesame-please' } });
    const rotated = await owner.post(`webhooks/${id}/secrets`);
    await owner.patch(`webhooks/${id}`, { headers: { 'x-api-key': 'open-sesame-again' } });
    await bench.createContact();
    await bench.deliver();
    const tables = [
      'events',
      'jobs',
      'webhooks',
      'webhook_secrets',
      'webhook_deliveries',
      'webhook_attempts',
      'idempotency_keys',
    ];
    for (const table of tables) {
      const rows = JSON.stringify(await bench.sql(`select t::text from ${table} t`));
      for (const word of [secret.slice(6), rotated.body.secret.slice(6), 'open-sesame']) {
        expect([table, rows.includes(word)]).toEqual([table, false]);
        expect([table, rows.includes(Buffer.from(word).toString('hex'))]).toEqual([table, false]);
      }
    }
  });
});

it('a second workspace sees and changes nothing by any id', async () => {
  bench.receiver.answer(410);
  const webhook = await bench.register();
  await bench.createContact();
  await bench.deliver();
  const [delivery] = await bench.deliveries(webhook);
  const stranger = (await bench.app.newWorkspace()).owner;
  const own = (await stranger.post('webhooks', valid())).body;
  const since = new Date(Date.now() - 60_000).toISOString();
  for (const [webhookId, deliveryId] of [
    [webhook.id, delivery.id],
    [own.id, delivery.id],
    [randomUUID(), randomUUID()],
  ]) {
    for (const [method, path] of [
      ['GET', `deliveries/${deliveryId}`],
      ['GET', `deliveries/${deliveryId}/attempts`],
      ['POST', `deliveries/${deliveryId}/replay`],
      ['POST', `deliveries/${deliveryId}/cancel`],
    ] as const) {
      expect([path, (await stranger.request(method, `webhooks/${webhookId}/${path}`)).status]).toEqual([path, 404]);
    }
  }
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['PATCH', '', { name: 'Mine' }],
    ['DELETE', '', undefined],
    ['POST', '/secrets', {}],
    ['POST', '/test', {}],
    ['POST', '/recover', { since }],
    ['GET', '/stats', undefined],
    ['GET', '/deliveries', undefined],
    ['GET', '/public-key', undefined],
  ] as const) {
    expect([path, (await stranger.request(method, `webhooks/${webhook.id}${path}`, body)).status]).toEqual([path, 404]);
  }
  expect((await stranger.post(`webhooks/dead-letters/${delivery.id}/replay`)).status).toBe(404);
  expect((await stranger.get('webhooks/dead-letters')).body.items).toEqual([]);
  expect((await stranger.post('webhooks/dead-letters/replay', { webhook_id: webhook.id })).body.count).toBe(0);
  await bench.deliver();
  expect((await stranger.get(`webhooks/${own.id}/deliveries`)).body.items).toEqual([]);
});
