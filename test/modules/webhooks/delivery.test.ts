import { createPublicKey, verify } from 'node:crypto';
import { type Json } from '../../support/app.js';
import { verified } from './receiver.js';
import { startBench, type WebhooksBench } from './webhooks-bench.js';

let bench: WebhooksBench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());
beforeEach(() => bench.reset());

const only = (rows: Json[]): Json => {
  expect(rows).toHaveLength(1);
  return rows[0];
};

describe('a delivery', () => {
  it('is pending with no attempt until it is sent, then succeeded with one', async () => {
    const webhook = await bench.register();
    const contact = await bench.createContact();
    await bench.fanOut();
    expect(only(await bench.deliveries(webhook))).toMatchObject({ status: 'pending', attempts: 0, trigger: 'event' });
    await bench.deliver();
    const delivery = only(await bench.deliveries(webhook));
    expect(delivery).toMatchObject({ status: 'succeeded', attempts: 1, next_attempt_at: null, reason: null });
    expect(await bench.attempts(delivery)).toMatchObject([
      { number: 1, outcome: 'succeeded', status_code: 204, sent_url: bench.receiver.url, error: null },
    ]);
    expect(JSON.parse(bench.receiver.received[0]!.body.toString())).toMatchObject({
      type: 'contact.created',
      subject: `contact/${contact.id}`,
      data: { id: contact.id, first_name: 'Ada' },
    });
    expect(await bench.sql('select * from jobs')).toEqual([]);
    expect(await bench.sql('select * from webhook_flights')).toEqual([]);
  });

  it('has the headers of Standard Webhooks, its own name, and those of the endpoint', async () => {
    const webhook = await bench.register({ headers: { 'X-Api-Key': 'open sesame' } });
    await bench.createContact();
    await bench.deliver();
    const delivery = only(await bench.deliveries(webhook));
    const { headers, body } = only(bench.receiver.received);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Engawa-Webhooks/1.0',
      'webhook-id': delivery.event_id,
      'x-api-key': 'open sesame',
    });
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(60);
    const [event] = (await bench.owner.get(`events?type=contact.created&limit=1`)).body.items;
    expect(JSON.parse(body.toString())).toEqual({ ...event, timestamp: event.time });
    const shown = await bench.owner.get(`webhooks/${webhook.id}/deliveries/${delivery.id}`);
    expect(shown.body.body).toBe(body.toString());
  });

  it.each([
    ['an emoji and a combining mark', { first_name: '🦊 e\u0301 \u{10FFFF}' }],
    ['a single character', { first_name: 'a' }],
    ['60 KB of custom fields', { attributes: { text: '✓'.repeat(20_000) } }],
  ])('verifies with %s, and not when anything is changed', async (_name, fields) => {
    const { secret } = await bench.register();
    const other = await bench.register({ name: 'Other', url: `${bench.receiver.url}/other` });
    await bench.createContact(fields);
    await bench.deliver();
    const received = bench.receiver.received.find(({ path }) => path === '/hook')!;
    expect(verified(secret, received)).toMatchObject({ type: 'contact.created', data: fields });
    const { headers, body } = received;
    for (const at of [0, Math.floor(body.length / 2), body.length - 1]) {
      const changed = Buffer.from(body);
      changed[at] = changed[at]! ^ 1;
      expect(() => verified(secret, { headers, body: changed })).toThrow();
    }
    for (const name of ['webhook-id', 'webhook-timestamp'] as const) {
      expect(() => verified(secret, { body, headers: { ...headers, [name]: `${String(headers[name])}1` } })).toThrow();
    }
    expect(() => verified(other.secret, received)).toThrow();
  });

  it('leaves data out of a body over 256 KiB and says so', async () => {
    const { secret } = await bench.register();
    const contact = await bench.createContact();
    await bench.sql(
      `insert into events (workspace_id, id, type, subject_type, subject_id, actor_type, via, depth, data, changes)
      values ($1, app.uuidv7(), 'contact.updated', 'contact', $2, 'system', 'rest', 0,
        jsonb_build_object('text', repeat('x', 262000)), jsonb_build_object('text', jsonb_build_object('from', repeat('y', 1000), 'to', 'x')))`,
      [bench.app.workspace.id, contact.id],
    );
    await bench.deliver();
    const received = bench.receiver.received.find(({ body }) => body.includes('contact.updated'))!;
    expect(verified(secret, received)).toMatchObject({ is_truncated: true, subject: `contact/${contact.id}` });
    expect(JSON.parse(received.body.toString())).not.toHaveProperty('data');
  });

  it('of the thin form holds no data', async () => {
    const { secret } = await bench.register({ payload_form: 'thin' });
    await bench.createContact();
    await bench.deliver();
    const body = verified(secret, only(bench.receiver.received)) as object;
    expect(Object.keys(body)).toEqual(['id', 'type', 'timestamp', 'workspace_id', 'subject', 'actor']);
  });

  it('is signed with Ed25519 where that is wanted, and the public key verifies it', async () => {
    const webhook = await bench.register({ signing: 'ed25519' });
    expect(webhook.secret).toMatch(/^whsk_/);
    await bench.createContact();
    await bench.deliver();
    const { headers, body } = only(bench.receiver.received);
    const { items } = (await bench.owner.get(`webhooks/${webhook.id}/public-key`)).body;
    const raw = Buffer.from(only(items).public_key.replace('whpk_', ''), 'base64');
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const signed = Buffer.concat([
      Buffer.from(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`),
      body,
    ]);
    const signature = String(headers['webhook-signature']);
    expect(signature).toMatch(/^v1a,/);
    expect(verify(null, signed, key, Buffer.from(signature.slice(4), 'base64'))).toBe(true);
  });

  it('goes to every endpoint that wants it and to no other', async () => {
    const wanting = [await bench.register(), await bench.register({ event_types: ['contact.created'] })];
    wanting.push(await bench.register({ event_types: ['*'] }));
    const others = [
      await bench.register({ event_types: ['company.*'] }),
      await bench.register({ is_active: undefined }),
    ];
    await bench.owner.patch(`webhooks/${others[1].id}`, { is_active: false });
    await bench.createContact();
    await bench.deliver();
    for (const webhook of wanting) {
      const rows = await bench.deliveries(webhook, '?event_type=contact.created');
      expect(rows).toHaveLength(1);
    }
    for (const webhook of others) expect(await bench.deliveries(webhook)).toEqual([]);
    const types = (await bench.sql('select distinct event_type from webhook_deliveries')).map((row) => row.event_type);
    expect(types.filter((type) => type.startsWith('webhook.'))).toEqual([]);
  });

  it('is made once, though the log is read twice', async () => {
    const webhook = await bench.register();
    await bench.createContact();
    await bench.deliver();
    await bench.sql(`update event_cursors set epoch = 0, tx = '0', seq = 0 where consumer = 'webhooks.fan-out'`);
    await bench.deliver();
    expect(await bench.deliveries(webhook, '?event_type=contact.created')).toHaveLength(
      Number((await bench.sql(`select count(*) from events where type = 'contact.created'`))[0].count),
    );
  });

  it('is not made when the change is rolled back', async () => {
    const webhook = await bench.register();
    const refused = await bench.owner.post('contacts/batch?atomic=true', [
      { first_name: 'Eve' },
      { email: 'nonsense' },
    ]);
    expect(refused.status).toBe(422);
    await bench.deliver();
    expect(await bench.deliveries(webhook)).toEqual([]);
  });

  it('of a quiet type reaches whoever names it', async () => {
    const webhook = await bench.register({ event_types: ['webhook.updated', 'job.cancelled'] });
    const other = await bench.register({ event_types: ['*'] });
    await bench.owner.patch(`webhooks/${other.id}`, { name: 'Renamed' });
    await bench.owner.patch(`webhooks/${webhook.id}`, { name: 'Of itself it hears nothing' });
    const [job] = await bench.sql(
      `insert into jobs (workspace_id, kind, lane, actor, via, state, run_at)
        values ($1, 'test.none', 'x', '{"type":"system","id":null,"name":"x"}', 'system', 'waiting', now() + interval '1 day') returning id`,
      [bench.app.workspace.id],
    );
    expect((await bench.owner.delete(`jobs/${job.id}`)).status).toBe(204);
    await bench.deliver();
    const types = bench.receiver.received.map(({ body }) => JSON.parse(body.toString()).type);
    expect(new Set(types)).toEqual(new Set(['job.cancelled', 'webhook.updated']));
    expect(await bench.deliveries(other)).toEqual([]);
  });
});

describe('an answer', () => {
  const waitsOf = (attempts: Json[]) =>
    attempts.map(({ next_attempt_at, started_at, duration_ms }) =>
      next_attempt_at === null ? null : (Date.parse(next_attempt_at) - Date.parse(started_at) - duration_ms) / 1_000,
    );

  it('of 500 is tried six times by the schedule, each signed anew over the same bytes, then dead', async () => {
    bench.receiver.answer(500, { 'x-why': 'no' }, 'the sky fell');
    const webhook = await bench.register();
    await bench.createContact();
    await bench.deliver({ all: true });
    const delivery = only(await bench.deliveries(webhook));
    expect(delivery).toMatchObject({ status: 'dead', attempts: 6, reason: 'status-500', next_attempt_at: null });
    const attempts = await bench.attempts(delivery);
    expect(attempts).toHaveLength(6);
    expect(attempts[5]).toMatchObject({
      outcome: 'failed',
      error: 'status-500',
      response_body: 'the sky fell',
      response_headers: { 'x-why': 'no' },
    });
    const waits = waitsOf(attempts);
    for (const [index, wait_s] of [2, 8, 30, 120, 300].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(wait_s - 0.01);
      expect(waits[index]).toBeLessThanOrEqual(wait_s * 1.1 + 0.5);
    }
    expect(waits[5]).toBeNull();
    for (const received of bench.receiver.received) {
      verified(webhook.secret, received);
      expect(received.body.equals(bench.receiver.received[0]!.body)).toBe(true);
    }
    expect(await bench.eventTypes('webhook.')).toEqual(
      expect.arrayContaining(['webhook.delivery_dead', 'webhook.failing']),
    );
    const shown = (await bench.owner.get(`webhooks/${webhook.id}`)).body;
    expect(shown).toMatchObject({ failed_attempts: 6, failing_since: expect.any(String), is_active: true });
  });

  it('of a long schedule is tried thirteen times', async () => {
    bench.receiver.answer(500);
    const webhook = await bench.register({ retry: 'long' });
    await bench.createContact();
    await bench.deliver({ all: true });
    expect(only(await bench.deliveries(webhook))).toMatchObject({ status: 'dead', attempts: 13 });
  });

  it('of a receiver that comes back ends the failing and tells so once', async () => {
    bench.receiver.answer(500);
    const webhook = await bench.register();
    await bench.createContact();
    await bench.deliver({ all: true });
    const before = (await bench.eventTypes('webhook.recovered')).length;
    bench.receiver.answer(200);
    await bench.createContact();
    await bench.deliver();
    await bench.createContact();
    await bench.deliver();
    expect((await bench.eventTypes('webhook.recovered')).length - before).toBe(1);
    expect((await bench.owner.get(`webhooks/${webhook.id}`)).body).toMatchObject({
      failing_since: null,
      failed_attempts: 0,
    });
  });

  it.each([
    ['60', 60, 60],
    ['864000', 3_600, 3_600],
    ['Wed, 01 Jan 2020 00:00:00 GMT', 2, 2.2],
    ['when the cows come home', 2, 2.2],
  ])('of 500 with Retry-After %s is followed as far as it may', async (header, least_s, most_s) => {
    bench.receiver.answer(500, { 'retry-after': header });
    const webhook = await bench.register();
    await bench.createContact();
    await bench.deliver();
    const [wait_s] = waitsOf(await bench.attempts(only(await bench.deliveries(webhook))));
    expect(wait_s).toBeGreaterThanOrEqual(least_s - 0.01);
    expect(wait_s).toBeLessThanOrEqual(most_s + 0.5);
  });

  it('of 410 ends the delivery and disables the endpoint with all that waits', async () => {
    bench.receiver.answer(410);
    const webhook = await bench.register({ max_in_flight: 1 });
    await bench.createContact();
    await bench.createContact();
    await bench.deliver();
    const deliveries = await bench.deliveries(webhook);
    expect(deliveries.map(({ status, reason }) => `${status} ${reason}`).sort()).toEqual([
      'dead endpoint-gone',
      'dead status-410',
    ]);
    expect(bench.receiver.received).toHaveLength(1);
    expect((await bench.owner.get(`webhooks/${webhook.id}`)).body).toMatchObject({
      is_active: false,
      disabled_reason: 'gone',
    });
    expect(await bench.eventTypes('webhook.disabled')).not.toEqual([]);
    await bench.createContact();
    await bench.deliver();
    expect(bench.receiver.received).toHaveLength(1);
  });

  it('of 301 is never followed; the location is kept', async () => {
    bench.receiver.answer(301, { location: 'http://127.0.0.1:1/' });
    const webhook = await bench.register();
    await bench.createContact();
    await bench.deliver();
    const [attempt] = await bench.attempts(only(await bench.deliveries(webhook)));
    expect(attempt).toMatchObject({
      error: 'redirect',
      status_code: 301,
      response_headers: { location: 'http://127.0.0.1:1/' },
    });
    expect(bench.receiver.received).toHaveLength(1);
  });

  it('of 429 lets the endpoint rest, then one delivery through at a time until it is well', async () => {
    bench.receiver.answer(429, { 'retry-after': '60' });
    const webhook = await bench.register({ max_in_flight: 4 });
    await bench.createContact();
    await bench.deliver();
    await bench.createContact();
    await bench.deliver();
    expect(bench.receiver.received).toHaveLength(1);
    const waiting = await bench.sql(
      `select run_at > now() + interval '30 seconds' as is_later, attempt from jobs order by attempt`,
    );
    expect(waiting).toEqual([
      { is_later: true, attempt: 0 },
      { is_later: true, attempt: 1 },
    ]);
    expect(await bench.sql('select in_flight_limit from webhooks')).toEqual([{ in_flight_limit: 1 }]);
    await bench.sql('update webhooks set paused_until = now()');
    bench.receiver.answer(200);
    await bench.deliver({ all: true });
    expect((await bench.deliveries(webhook)).map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    expect(await bench.sql('select in_flight_limit from webhooks')).toEqual([{ in_flight_limit: null }]);
  });

  it('that resets the connection, or comes too late, is a failure with its name', async () => {
    const webhook = await bench.register({ timeout_ms: 1_000 });
    bench.receiver.respond = (_received, response) => response.destroy();
    await bench.createContact();
    await bench.deliver();
    bench.receiver.respond = (_received, response) => response.writeHead(200).write('never ends');
    await bench.createContact();
    await bench.deliver();
    const errors = [];
    for (const delivery of await bench.deliveries(webhook)) errors.push((await bench.attempts(delivery))[0].error);
    expect(errors).toEqual(['timeout', 'reset']);
  });

  it('of 10 MB with a NUL and half a character is cut and recorded', async () => {
    const webhook = await bench.register();
    bench.receiver.respond = (_received, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.end(Buffer.concat([Buffer.from('a\0'), Buffer.alloc(10_000_000, 0xf0)]));
    };
    await bench.createContact();
    await bench.deliver();
    const delivery = only(await bench.deliveries(webhook));
    expect(delivery.status).toBe('succeeded');
    const [attempt] = await bench.attempts(delivery);
    expect(attempt).toMatchObject({ is_truncated: true, response_body: expect.stringMatching(/^a\uFFFD/) });
  });

  it('is not asked for at an address that is not allowed, and tried again, for DNS may heal', async () => {
    const webhook = await bench.register();
    await bench.sql(`update webhooks set url = 'http://169.254.169.254/latest/meta-data'`);
    await bench.createContact();
    await bench.deliver();
    const delivery = only(await bench.deliveries(webhook));
    expect(delivery).toMatchObject({ status: 'pending', attempts: 1 });
    expect((await bench.attempts(delivery))[0]).toMatchObject({ error: 'address-not-allowed', response_body: null });
  });

  it('for days of failing disables the endpoint', async () => {
    bench.receiver.answer(500);
    const webhook = await bench.register();
    await bench.sql(`update webhooks set failing_since = now() - interval '6 days', failed_attempts = 11`);
    await bench.createContact();
    await bench.deliver();
    expect((await bench.owner.get(`webhooks/${webhook.id}`)).body).toMatchObject({
      is_active: false,
      disabled_reason: 'failing',
    });
    expect(only(await bench.deliveries(webhook))).toMatchObject({
      status: 'dead',
      reason: 'endpoint-failing',
      attempts: 1,
    });
    const renamed = await bench.owner.patch(`webhooks/${webhook.id}`, { name: 'Still off' });
    expect(renamed.body).toMatchObject({ is_active: false, disabled_reason: 'failing' });
    const enabled = await bench.owner.patch(`webhooks/${webhook.id}`, { is_active: true });
    expect(enabled.body).toMatchObject({
      is_active: true,
      disabled_reason: null,
      failing_since: null,
      failed_attempts: 0,
    });
  });
});

describe('an endpoint that changes while a delivery waits', () => {
  it.each([
    ['deleted', (id: string) => bench.owner.delete(`webhooks/${id}`), 'endpoint-deleted'],
    ['disabled', (id: string) => bench.owner.patch(`webhooks/${id}`, { is_active: false }), 'endpoint-disabled'],
  ])('%s: it is cancelled and nothing is sent', async (_name, change, reason) => {
    const webhook = await bench.register();
    await bench.createContact();
    await bench.fanOut();
    expect((await change(webhook.id)).status).toBeLessThan(300);
    await bench.deliver();
    expect(bench.receiver.received).toEqual([]);
    const [row] = await bench.sql('select status, reason from webhook_deliveries where webhook_id = $1', [webhook.id]);
    expect(row).toEqual({ status: 'cancelled', reason });
  });

  it('its new URL is used from the next attempt on', async () => {
    bench.receiver.answer(500);
    const webhook = await bench.register();
    await bench.createContact();
    await bench.deliver();
    await bench.owner.patch(`webhooks/${webhook.id}`, { url: `${bench.receiver.url}/new` });
    bench.receiver.answer(200);
    await bench.deliver({ all: true });
    expect(bench.receiver.received.map(({ path }) => path)).toEqual(['/hook', '/hook/new']);
  });

  it('is cancelled while it is under way: the attempt is kept, the delivery stays cancelled', async () => {
    const webhook = await bench.register();
    await bench.createContact();
    await bench.fanOut();
    const delivery = only(await bench.deliveries(webhook));
    let answered: Promise<unknown> = Promise.resolve();
    bench.receiver.respond = (_received, response) => {
      answered = bench.owner
        .post(`webhooks/${webhook.id}/deliveries/${delivery.id}/cancel`)
        .then((answer) => response.writeHead(200).end(String(answer.status)));
    };
    await bench.deliver();
    await answered;
    expect(only(await bench.deliveries(webhook))).toMatchObject({ status: 'cancelled', attempts: 1 });
    expect(await bench.attempts(delivery)).toMatchObject([{ outcome: 'succeeded', response_body: '200' }]);
  });
});

describe('at most so many at a time', () => {
  it('are under way to one endpoint, and all arrive', async () => {
    let most = 0;
    let now = 0;
    bench.receiver.respond = (_received, response) => {
      most = Math.max(most, ++now);
      setImmediate(() => {
        now--;
        response.writeHead(200).end();
      });
    };
    const webhook = await bench.register({ max_in_flight: 2 });
    for (let index = 0; index < 12; index++) await bench.createContact();
    await bench.deliver({ all: true });
    expect(most).toBeLessThanOrEqual(2);
    expect((await bench.deliveries(webhook)).map(({ status }) => status)).toEqual(Array(12).fill('succeeded'));
  });

  it('counts what other processes have under way', async () => {
    const webhook = await bench.register({ max_in_flight: 1 });
    await bench.sql(
      `insert into webhook_flights (workspace_id, webhook_id, delivery_id, started_at, until, sent_url)
        values ($1, $2, gen_random_uuid(), now(), now() + interval '1 hour', 'x')`,
      [bench.app.workspace.id, webhook.id],
    );
    await bench.createContact();
    await bench.deliver();
    expect(bench.receiver.received).toEqual([]);
    expect(only(await bench.deliveries(webhook))).toMatchObject({ status: 'pending', attempts: 0 });
    expect(await bench.sql('select attempt, state from jobs')).toEqual([{ attempt: 0, state: 'waiting' }]);
  });

  it('a second are sent where the endpoint says so', async () => {
    await bench.register({ per_second: 10 });
    const times: number[] = [];
    bench.receiver.respond = (_received, response) => {
      times.push(performance.now());
      response.writeHead(200).end();
    };
    for (let index = 0; index < 5; index++) await bench.createContact();
    await bench.deliver({ all: true });
    expect(times).toHaveLength(5);
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(380);
  });
});

it('an attempt whose end nobody knows is written as interrupted, and counts', async () => {
  const webhook = await bench.register();
  await bench.createContact();
  await bench.fanOut();
  const delivery = only(await bench.deliveries(webhook));
  await bench.sql(
    `insert into webhook_flights (workspace_id, webhook_id, delivery_id, started_at, until, sent_url)
      values ($1, $2, $3, now(), now() + interval '1 hour', 'http://old/')`,
    [bench.app.workspace.id, webhook.id, delivery.id],
  );
  await bench.deliver();
  expect(await bench.attempts(delivery)).toMatchObject([
    { number: 1, outcome: 'interrupted', sent_url: 'http://old/', duration_ms: null },
    { number: 2, outcome: 'succeeded' },
  ]);
  expect(only(await bench.deliveries(webhook))).toMatchObject({ status: 'succeeded', attempts: 2 });
});

it('a delivery that only ever interrupts its worker ends as dead', async () => {
  const webhook = await bench.register();
  await bench.createContact();
  await bench.fanOut();
  const delivery = only(await bench.deliveries(webhook));
  await bench.sql('update webhook_deliveries set attempts = 5');
  await bench.sql(
    `insert into webhook_flights (workspace_id, webhook_id, delivery_id, started_at, until, sent_url)
      values ($1, $2, $3, now(), now(), 'http://old/')`,
    [bench.app.workspace.id, webhook.id, delivery.id],
  );
  await bench.deliver();
  expect(bench.receiver.received).toEqual([]);
  expect(only(await bench.deliveries(webhook))).toMatchObject({ status: 'dead', reason: 'interrupted', attempts: 6 });
});
