import { randomUUID } from 'node:crypto';
import type { Caller, Json } from '../../support/app.js';
import { WebhookRetention } from '../../../src/modules/webhooks/retention.js';
import { verified } from './receiver.js';
import { startBench, type WebhooksBench } from './webhooks-bench.js';

let bench: WebhooksBench;
let owner: Caller;
let since: string;
beforeAll(async () => {
  bench = await startBench({ webhooks: { retry_schedule_s: '1' } });
  owner = bench.owner;
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.reset();
  const [{ now }] = await bench.sql('select clock_timestamp() as now');
  since = new Date(now).toISOString();
});

/** A webhook with one dead delivery. */
async function dead(): Promise<{ webhook: Json; delivery: Json }> {
  bench.receiver.answer(500);
  const webhook = await bench.register();
  await bench.createContact();
  await bench.deliver({ all: true });
  const [delivery] = await bench.deliveries(webhook);
  expect(delivery).toMatchObject({ status: 'dead', attempts: 2 });
  bench.receiver.reset();
  return { webhook, delivery };
}

const replayPath = ({ id, webhook_id }: Json) => `webhooks/${webhook_id}/deliveries/${id}/replay`;

describe('replay', () => {
  it('is a new delivery of the same webhook-id and bytes; the old one stays', async () => {
    const { webhook, delivery } = await dead();
    const answer = await owner.post(replayPath(delivery));
    expect(answer).toMatchObject({
      status: 201,
      body: { trigger: 'replay', replay_of: delivery.id, status: 'pending' },
    });
    expect(answer.headers.get('location')).toBe(`/api/v1/webhooks/${webhook.id}/deliveries/${answer.body.id}`);
    await bench.deliver();
    const [received] = bench.receiver.received;
    expect(received?.headers['webhook-id']).toBe(delivery.event_id);
    verified(webhook.secret, received!);
    expect((await bench.deliveries(webhook)).map(({ status }) => status)).toEqual(['succeeded', 'dead']);
  });

  it('of a pending delivery pulls it forward instead', async () => {
    bench.receiver.answer(500);
    const webhook = await bench.register({ retry: 'long' });
    await bench.createContact();
    await bench.deliver();
    const [delivery] = await bench.deliveries(webhook);
    bench.receiver.answer(200);
    expect(await owner.post(replayPath(delivery))).toMatchObject({ status: 200, body: { id: delivery.id } });
    await bench.deliver();
    expect(await bench.deliveries(webhook)).toMatchObject([{ id: delivery.id, status: 'succeeded', attempts: 2 }]);
  });

  it('of a disabled webhook is 409 with what would work', async () => {
    const { webhook, delivery } = await dead();
    await owner.patch(`webhooks/${webhook.id}`, { is_active: false });
    for (const path of [
      replayPath(delivery),
      `webhooks/${webhook.id}/test`,
      `webhooks/dead-letters/${delivery.id}/replay`,
    ]) {
      const answer = await owner.post(path);
      expect([answer.status, answer.body.suggestion]).toEqual([409, expect.stringContaining('is_active')]);
    }
    expect((await owner.post(`webhooks/${webhook.id}/recover`, { since })).status).toBe(409);
  });
});

it('cancel ends a pending delivery; one that is over is 409', async () => {
  const webhook = await bench.register();
  await bench.createContact();
  await bench.fanOut();
  const [delivery] = await bench.deliveries(webhook);
  const path = `webhooks/${webhook.id}/deliveries/${delivery.id}/cancel`;
  expect(await owner.post(path)).toMatchObject({ status: 200, body: { status: 'cancelled', next_attempt_at: null } });
  expect(await owner.post(path)).toMatchObject({
    status: 409,
    body: { type: expect.stringMatching(/delivery-is-over$/) },
  });
  await bench.deliver();
  expect(bench.receiver.received).toEqual([]);
});

describe('recover', () => {
  it('sends what failed or was never made, and nothing a second time', async () => {
    const { webhook } = await dead();
    await owner.patch(`webhooks/${webhook.id}`, { is_active: false });
    const missed = await bench.createContact({ first_name: 'Missed' });
    await bench.fanOut();
    await owner.patch(`webhooks/${webhook.id}`, { is_active: true });
    const arrived = await bench.createContact({ first_name: 'Arrived' });
    await bench.deliver();
    const recover = (only?: string) => owner.post(`webhooks/${webhook.id}/recover`, { since, ...(only && { only }) });
    expect(await recover('missing')).toMatchObject({ status: 202, body: { count: 1, has_more: false } });
    expect((await recover('missing')).body.count).toBe(0);
    expect((await recover('failed')).body.count).toBe(1);
    expect((await recover()).body.count).toBe(0);
    await bench.deliver();
    expect((await recover()).body.count).toBe(0);
    const subjects = bench.receiver.received.map(({ body }) => JSON.parse(body.toString()).subject);
    expect(subjects).toHaveLength(3);
    expect(subjects).toEqual(expect.arrayContaining([`contact/${missed.id}`, `contact/${arrived.id}`]));
  });

  it('is executed once when two ask at a time', async () => {
    const { webhook } = await dead();
    const answers = await Promise.all([1, 2, 3].map(() => owner.post(`webhooks/${webhook.id}/recover`, { since })));
    expect(answers.reduce((sum, { body }) => sum + body.count, 0)).toBe(1);
  });

  it('keeps to its window', async () => {
    const { webhook } = await dead();
    const recover = (body: object) => owner.post(`webhooks/${webhook.id}/recover`, body);
    const [{ now }] = await bench.sql('select clock_timestamp() as now');
    const until = new Date(Date.parse(String(now)) + 1_000).toISOString();
    expect((await recover({ since: until })).body.count).toBe(0);
    expect((await recover({ since, until })).body.count).toBe(1);
    for (const body of [
      {},
      { since: 'yesterday' },
      { since: new Date(Date.now() - 91 * 86_400_000).toISOString() },
      { since, until: since },
      { since, only: 'some' },
    ])
      expect((await recover(body)).status).toBe(422);
  });
});

describe('dead letters', () => {
  it('are listed across webhooks until something newer was tried', async () => {
    const first = await dead();
    const second = await dead();
    const list = async (query = '') =>
      (await owner.get(`webhooks/dead-letters${query}`)).body.items.map(({ id }: Json) => id);
    const third = (await list(`?webhook_id=${first.webhook.id}&limit=1`))[0];
    expect(await list()).toEqual(expect.arrayContaining([first.delivery.id, second.delivery.id, third]));
    expect(await list(`?webhook_id=${first.webhook.id}`)).toEqual([third, first.delivery.id]);
    const answer = await owner.post(`webhooks/dead-letters/${first.delivery.id}/replay`);
    expect(answer).toMatchObject({ status: 201, body: { replay_of: first.delivery.id } });
    expect(await list(`?webhook_id=${first.webhook.id}`)).toEqual([third]);
    await bench.deliver();
    const again = await owner.post(`webhooks/dead-letters/${answer.body.id}/replay`);
    expect(again).toMatchObject({ status: 409, body: { type: expect.stringMatching(/delivery-is-not-dead$/) } });
    await owner.delete(`webhooks/${second.webhook.id}`);
    expect(await list()).toEqual([third]);
  });

  it('are all sent again by one call, once', async () => {
    const { webhook } = await dead();
    const replay = (body = {}) => owner.post('webhooks/dead-letters/replay', body);
    expect((await replay({ webhook_id: randomUUID() })).body.count).toBe(0);
    expect((await replay({ event_type: 'contact.deleted' })).body.count).toBe(0);
    expect(await replay()).toMatchObject({ status: 202, body: { count: 1, has_more: false } });
    expect((await replay()).body.count).toBe(0);
    await bench.deliver();
    expect((await bench.deliveries(webhook))[0]).toMatchObject({ trigger: 'replay', status: 'succeeded' });
  });
});

describe('a test', () => {
  it('is a ping that verifies, with the same bytes when it is replayed', async () => {
    const webhook = await bench.register();
    const answer = await owner.post(`webhooks/${webhook.id}/test`);
    expect(answer).toMatchObject({
      status: 202,
      body: { trigger: 'test', event_type: 'webhook.ping', status: 'pending' },
    });
    await bench.deliver();
    await owner.post(replayPath(answer.body));
    await bench.deliver();
    const [first, second] = bench.receiver.received;
    expect(verified(webhook.secret, first!)).toMatchObject({ type: 'webhook.ping', data: { webhook_id: webhook.id } });
    expect(second?.body.equals(first!.body)).toBe(true);
    const shown = await owner.get(answer.headers.get('location') ?? '');
    expect(shown.body).toMatchObject({ status: 'succeeded', body: first?.body.toString() });
  });

  it('may be the example of any type, and of nothing else', async () => {
    const webhook = await bench.register();
    const test = (type: string) => owner.post(`webhooks/${webhook.id}/test`, { type });
    for (const type of ['contact.created', 'webhook.delivery_dead', 'job.parked'])
      expect((await test(type)).status).toBe(202);
    await bench.deliver();
    const bodies = bench.receiver.received.map(({ body }) => JSON.parse(body.toString()));
    expect(new Set(bodies.map(({ type }) => type))).toEqual(
      new Set(['contact.created', 'job.parked', 'webhook.delivery_dead']),
    );
    const refused = await test('contact.craeted');
    expect([refused.status, refused.body.detail]).toEqual([422, expect.stringContaining('contact.created')]);
  });

  it('that fails says nothing about the health of the endpoint', async () => {
    const webhook = await bench.register();
    bench.receiver.answer(410);
    await owner.post(`webhooks/${webhook.id}/test`);
    await bench.deliver({ all: true });
    expect((await owner.get(`webhooks/${webhook.id}`)).body).toMatchObject({ is_active: true, failed_attempts: 0 });
    expect((await bench.deliveries(webhook))[0]).toMatchObject({ status: 'dead', reason: 'status-410' });
    expect((await owner.get('webhooks/dead-letters')).body.items).toEqual([]);
  });
});

it('stats tell by the hour what came of attempts', async () => {
  const { webhook } = await dead();
  await bench.createContact();
  await bench.deliver();
  const { items } = (await owner.get(`webhooks/${webhook.id}/stats`)).body;
  const sum = (name: string) => items.reduce((total: number, hour: Json) => total + hour[name], 0);
  expect([sum('succeeded'), sum('failed'), sum('dead')]).toEqual([1, 2, 1]);
  expect(items[0].p95_ms).toBeGreaterThanOrEqual(items[0].p50_ms);
  for (const query of ['hours=0', 'hours=169', 'hours=x', 'days=1'])
    expect((await owner.get(`webhooks/${webhook.id}/stats?${query}`)).status).toBe(422);
});

it('lists deliveries by status, type and cursor', async () => {
  const webhook = await bench.register();
  for (let index = 0; index < 3; index++) await bench.createContact();
  await bench.deliver();
  const path = `webhooks/${webhook.id}/deliveries`;
  expect((await owner.get(`${path}?status=succeeded&event_type=contact.created&count=true`)).body.count).toBe(3);
  expect((await owner.get(`${path}?status=dead`)).body.items).toEqual([]);
  expect((await owner.get(`${path}?status=lost`)).status).toBe(422);
  const first = (await owner.get(`${path}?limit=2`)).body;
  const rest = (await owner.get(`${path}?limit=2&cursor=${first.next_cursor}`)).body;
  expect([first.items.length, rest.items.length, rest.next_cursor]).toEqual([2, 1, null]);
});

it('shows the body only to who may read the event', async () => {
  const webhook = await bench.register();
  await bench.createContact();
  await bench.deliver();
  const [{ id }] = await bench.deliveries(webhook);
  const narrow = await bench.app.workspace.key('viewer', ['webhooks:read']);
  expect(await narrow.get(`webhooks/${webhook.id}/deliveries/${id}`)).toMatchObject({
    status: 200,
    body: { body: null },
  });
});

it('housekeeping forgets old deliveries, ended secrets and what is left of deleted webhooks', async () => {
  const kept = await bench.register();
  const gone = await bench.register();
  await bench.createContact();
  await bench.deliver();
  await owner.post(`webhooks/${kept.id}/secrets`, { grace_s: 0 });
  await owner.delete(`webhooks/${gone.id}`);
  await bench.sql(
    `insert into webhook_deliveries (workspace_id, id, webhook_id, event_id, event_type, trigger, status)
    select workspace_id, app.uuidv7_floor(now() - interval '31 days'), webhook_id, event_id, event_type, 'replay', 'dead'
    from webhook_deliveries where webhook_id = $1`,
    [kept.id],
  );
  await bench.sql(
    `update webhook_deliveries set id = app.uuidv7_floor(now() - interval '32 days') where webhook_id = $1`,
    [gone.id],
  );
  const retention = bench.app.app.nest.get(WebhookRetention);
  await retention.expire();
  await retention.expire();
  expect((await bench.sql('select webhook_id from webhook_deliveries')).map((row) => row.webhook_id)).toEqual([
    kept.id,
  ]);
  expect((await bench.sql('select id from webhooks')).map((row) => row.id)).toEqual([kept.id]);
  expect(await bench.sql('select id from webhook_secrets')).toHaveLength(1);
});

it('the log of attempts can be added to and read, and nothing else', async () => {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: bench.app.database.urls.app });
  await client.connect();
  try {
    await expect(client.query('update webhook_attempts set number = 1')).rejects.toThrow(/permission denied/);
    await expect(client.query('delete from webhook_attempts')).rejects.toThrow(/permission denied/);
  } finally {
    await client.end();
  }
});
