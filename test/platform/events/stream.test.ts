import { randomUUID } from 'node:crypto';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Context } from '../../../src/platform/context/context.js';
import { Database } from '../../../src/platform/database/database.js';
import { Events } from '../../../src/platform/events/events.js';
import type { EventType } from '../../../src/contracts/events.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { SseClient } from './sse-client.js';

const STREAM = '/api/v1/events/stream';
let a: TestApp;
let b: TestApp;
let here: string;
let key: string;
const clients: SseClient[] = [];

beforeAll(async () => {
  a = await startTestApp();
  b = await startTestApp({}, a.database);
  here = a.workspace.id;
  key = a.workspace.owner.key;
});
afterEach(() => clients.splice(0).forEach((client) => client.cut()));
afterAll(async () => {
  await b.close();
  await a.close();
});

function open(app: TestApp, path = STREAM, options: { key?: string; lastEventId?: string } = {}): SseClient {
  const client = SseClient.open(app.url, options.key ?? key, path, options.lastEventId);
  clients.push(client);
  return client;
}

async function publish(
  app: TestApp,
  subject_id: string = randomUUID(),
  type: EventType = 'contact.created',
  workspace_id = here,
  data: object = { id: subject_id },
): Promise<string> {
  const nest = app.app.nest;
  await nest
    .get(Context)
    .runAs(systemPrincipal(workspace_id), { via: 'rest' }, () =>
      nest.get(Database).transaction(async () => nest.get(Events).publish(type, { subject_id, data })),
    );
  return subject_id;
}

async function logOrder(subject_ids: readonly string[]): Promise<string[]> {
  const { rows } = await a.database.owner.query<{ id: string }>(
    'select id from events where subject_id = any($1) order by epoch, tx, seq',
    [subject_ids],
  );
  return rows.map(({ id }) => id);
}

describe('a stream', () => {
  it('begins with how to come back and where it stands, then shows each event as it is', async () => {
    const client = open(a);
    await client.connected();
    expect([client.status, client.retry_ms]).toEqual([200, 2_000]);
    expect(client.head).toMatch(/content-type: text\/event-stream; charset=utf-8/i);
    expect(client.head).toMatch(/cache-control: no-store, no-transform/i);
    const subject_id = await publish(a);
    await client.until(({ events }) => events.length === 1);
    const [message] = client.events;
    const listed = await a.workspace.owner.get(`events/${message?.id}`);
    expect(message?.event).toBe('contact.created');
    expect(JSON.parse(message?.data ?? '')).toEqual(listed.body);
    expect(listed.body).toMatchObject({ subject: `contact/${subject_id}`, workspace_id: here, changes: {} });
  });

  it('on another process shows the write within a moment', async () => {
    const client = open(b);
    await client.connected();
    const started = performance.now();
    await publish(a);
    await client.until(({ events }) => events.length === 1);
    expect(performance.now() - started).toBeLessThan(400);
  });

  it('shows only what was asked for', async () => {
    const subject_id = randomUUID();
    const byType = open(a, `${STREAM}?types=company.*,contact.deleted`);
    const bySubject = open(a, `${STREAM}?subject=contact/${subject_id}`);
    await Promise.all([byType.connected(), bySubject.connected()]);
    await publish(a);
    await publish(a, randomUUID(), 'company.created');
    await publish(a, subject_id, 'contact.updated');
    await publish(a, randomUUID(), 'contact.deleted');
    await byType.until(({ events }) => events.length === 2);
    await bySubject.until(({ events }) => events.length === 1);
    expect(byType.events.map(({ event }) => event)).toEqual(['company.created', 'contact.deleted']);
    expect(bySubject.events.map(({ event }) => event)).toEqual(['contact.updated']);
  });

  it('never shows another workspace, nor types without the right to them', async () => {
    const other = await a.newWorkspace();
    const narrow = await a.workspace.key('viewer', ['events:read', 'companies:read']);
    const foreign = open(a, STREAM, { key: other.owner.key });
    const limited = open(a, STREAM, { key: narrow.key });
    await Promise.all([foreign.connected(), limited.connected()]);
    await publish(a);
    await publish(a, randomUUID(), 'company.created');
    await publish(a, randomUUID(), 'contact.created', other.id);
    await foreign.until(({ events }) => events.length === 1);
    await limited.until(({ events }) => events.length === 1);
    expect(JSON.parse(foreign.events[0]?.data ?? '')).toMatchObject({ workspace_id: other.id });
    expect(limited.events.map(({ event }) => event)).toEqual(['company.created']);
    const refused = open(a, `${STREAM}?types=contact.*`, { key: narrow.key });
    await refused.until(({ head }) => head !== '');
    expect(refused.status).toBe(403);
  });

  it('in its older form carries type, id, data and timestamp', async () => {
    const client = open(a, '/api/v1/sse/events?types=contact.created');
    await client.connected();
    const subject_id = await publish(a);
    await client.until(({ events }) => events.length === 1);
    expect(JSON.parse(client.events[0]?.data ?? '')).toEqual({
      type: 'contact.created',
      contact_id: subject_id,
      data: { id: subject_id },
      timestamp: expect.stringMatching(/Z$/) as string,
    });
    expect((await a.workspace.owner.get('sse/status')).body.subscribers).toBeGreaterThanOrEqual(1);
  });

  it('goes on after the last event seen, cut off at random 100 times on two processes under load', async () => {
    const subjects: string[] = [];
    let isWriting = true;
    const writer = async (app: TestApp): Promise<void> => {
      while (isWriting) subjects.push(await publish(app));
    };
    const first = open(a);
    await first.connected();
    const start = (JSON.parse(first.messages[0]?.data ?? '') as { position: string }).position;
    first.cut();
    const writers = [writer(a), writer(a), writer(b), writer(b)];
    const seen: string[] = [];
    let last = start;
    for (let cut = 0; cut < 100; cut++) {
      const client = open(cut % 2 ? b : a, STREAM, { lastEventId: last });
      const enough = Math.floor(Math.random() * 12);
      await client.until(({ events, messages }) => messages.length > 0 && events.length >= enough);
      seen.push(...client.events.map(({ id }) => id ?? ''));
      last = seen.at(-1) ?? start;
      client.cut();
    }
    isWriting = false;
    await Promise.all(writers);
    const order = await logOrder(subjects);
    const rest = open(a, STREAM, { lastEventId: last });
    await rest.until(({ events }) => seen.length + events.length >= order.length);
    expect([...seen, ...rest.events.map(({ id }) => id)]).toEqual(order);
    expect(order.length).toBeGreaterThan(300);
  }, 60_000);

  it('resumes over many events', async () => {
    const head = open(a);
    await head.connected();
    const position = (JSON.parse(head.messages[0]?.data ?? '') as { position: string }).position;
    const subject_id = randomUUID();
    const nest = a.app.nest;
    await nest.get(Context).runAs(systemPrincipal(here), { via: 'ingest' }, () =>
      nest.get(Database).transaction(async () =>
        nest.get(Events).publishMany(
          'contact.updated',
          Array.from({ length: 3_000 }, (_, n) => ({ subject_id, data: { n } })),
        ),
      ),
    );
    const client = open(a, STREAM, { lastEventId: position });
    await client.until(({ events }) => events.length >= 3_000);
    expect(client.events.map(({ data }) => (JSON.parse(data) as { data: { n: number } }).data.n)).toEqual(
      Array.from({ length: 3_000 }, (_, n) => n),
    );
  });

  it('that is not read overflows, says where to go on, and harms nobody', async () => {
    const slow = open(a, `${STREAM}?types=contact.updated`);
    const other = open(a, `${STREAM}?types=contact.updated`);
    await Promise.all([slow.connected(), other.connected()]);
    slow.socket.pause();
    const subject_id = randomUUID();
    const before = other.events.length;
    for (let n = 0; n < 400; n++) {
      await publish(a, subject_id, 'contact.updated', here, { n, filler: 'x'.repeat(40_000) });
      await other.until(({ events }) => events.length > before + n);
    }
    slow.socket.resume();
    await slow.until(({ isEnded }) => isEnded, 20_000);
    const overflow = slow.messages.at(-1);
    const last = slow.events.at(-1)?.id;
    expect(overflow?.event).toBe('overflow');
    expect(JSON.parse(overflow?.data ?? '')).toEqual({ last_event_id: last });
    const order = await logOrder([subject_id]);
    const resumed = open(a, `${STREAM}?types=contact.updated`, { lastEventId: last ?? '' });
    await resumed.until(({ events }) => slow.events.length + events.length >= 400, 20_000);
    expect([...slow.events, ...resumed.events].map(({ id }) => id)).toEqual(order);
  }, 60_000);

  it('closes when its key is revoked, on every process', async () => {
    const caller = await a.workspace.key('member');
    const streams = [open(a, STREAM, { key: caller.key }), open(b, STREAM, { key: caller.key })];
    await Promise.all(streams.map((stream) => stream.connected()));
    const { rows } = await a.database.owner.query<{ id: string }>(
      'update api_keys set revoked_at = now() where prefix = $1 returning id',
      [caller.key.slice(4, 12)],
    );
    const started = performance.now();
    await publish(a, rows[0]?.id, 'api_key.revoked');
    await Promise.all(streams.map((stream) => stream.until(({ isEnded }) => isEnded)));
    expect(performance.now() - started).toBeLessThan(1_000);
    for (const stream of streams) expect(stream.messages.at(-1)).toMatchObject({ event: 'closed' });
  });

  it('tells of a gap when the last event seen is older than the log', async () => {
    const oldest = await a.database.owner.query<{ id: string }>(
      'select id from events where workspace_id = $1 order by id limit 1',
      [here],
    );
    const client = open(a, STREAM, { lastEventId: '01800000-0000-7000-8000-000000000000' });
    await client.until(({ events }) => events.length > 0);
    const gap = client.messages.find(({ event }) => event === 'gap');
    expect(JSON.parse(gap?.data ?? '{}')).toEqual({ oldest_id: oldest.rows[0]?.id });
    expect(client.events[0]?.id).toBe((await a.workspace.owner.get('events?after=start&limit=1')).body.items[0].id);
  });

  it.each([
    ['an unknown type', '?types=contakt.created', 422],
    ['an unknown parameter', '?typ=contact.created', 422],
    ['a subject that is none', '?subject=contact', 422],
    ['a position that is no event', `?last_event_id=${randomUUID()}`, 422],
  ])('refuses %s', async (_name, query, status) => {
    const answer = await a.workspace.owner.get(`events/stream${query}`);
    expect(answer.status).toBe(status);
  });

  it('is held at most 20 times by one caller', async () => {
    const caller = await a.workspace.key('viewer');
    const streams = Array.from({ length: 20 }, () => open(a, STREAM, { key: caller.key }));
    await Promise.all(streams.map((stream) => stream.connected()));
    const answer = await caller.get('events/stream');
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  it('ends with a hint to come back when the process stops', async () => {
    const c = await startTestApp({}, a.database);
    const client = open(c);
    await client.connected();
    await c.close();
    await client.until(({ isEnded }) => isEnded);
    expect(client.retry_ms).toBe(1_000);
  });
});

describe('the log over REST', () => {
  it('is listed newest first, by filters, and paged', async () => {
    const subject_id = randomUUID();
    for (const type of ['contact.created', 'contact.updated', 'contact.deleted'] as const)
      await publish(a, subject_id, type);
    const all = await a.workspace.owner.get(`events?subject=contact/${subject_id}&limit=2`);
    expect(all.body.items.map(({ type }: { type: string }) => type)).toEqual(['contact.deleted', 'contact.updated']);
    const next = await a.workspace.owner.get(
      `events?subject=contact/${subject_id}&limit=2&cursor=${all.body.next_cursor}`,
    );
    expect(next.body.items.map(({ type }: { type: string }) => type)).toEqual(['contact.created']);
    expect(next.body.next_cursor).toBeNull();
    const one = await a.workspace.owner.get(
      `events?subject=contact/${subject_id}&type.in=contact.updated,contact.deleted`,
    );
    expect(one.body.items).toHaveLength(2);
    const since = new Date(Date.now() - 60_000).toISOString();
    const recent = await a.workspace.owner.get(`events?time.gte=${since}&subject=contact/${subject_id}&count=true`);
    expect(recent.body.count).toBe(3);
    expect((await a.workspace.owner.get('events?type=contact.exploded')).status).toBe(422);
    expect((await a.workspace.owner.get('events?subject=nonsense')).status).toBe(422);
    expect((await a.workspace.owner.get('events?colour=red')).status).toBe(422);
  });

  it('is pulled without loss or repeat while writers are at work', async () => {
    const first = await a.workspace.owner.get('events?limit=1');
    let after = first.body.items[0].id as string;
    const subjects: string[] = [];
    let isWriting = true;
    const writer = async (app: TestApp): Promise<void> => {
      while (isWriting) subjects.push(await publish(app));
    };
    const writers = [writer(a), writer(a), writer(b)];
    const pulled: string[] = [];
    const pull = async (): Promise<boolean> => {
      const { body } = await a.workspace.owner.get(`events?after=${after}&limit=7`);
      pulled.push(...body.items.map(({ id }: { id: string }) => id));
      after = body.next_after;
      return body.has_more;
    };
    for (let n = 0; n < 60; n++) await pull();
    isWriting = false;
    await Promise.all(writers);
    while (await pull());
    expect(pulled).toEqual(await logOrder(subjects));
    expect(pulled.length).toBeGreaterThan(50);
  });

  it('moves on past what does not match', async () => {
    const before = await a.workspace.owner.get('events?limit=1');
    await publish(a);
    await publish(a);
    const page = await a.workspace.owner.get(`events?after=${before.body.items[0].id}&type=company.deleted`);
    const newest = await a.workspace.owner.get('events?limit=1');
    expect(page.body).toEqual({ items: [], next_after: newest.body.items[0].id, has_more: false });
  });

  it('answers 410 for a position older than the log, 422 for one that never was, 404 for an unknown event', async () => {
    const gone = await a.workspace.owner.get('events?after=01800000-0000-7000-8000-000000000000');
    expect([gone.status, gone.body.type]).toEqual([410, expect.stringContaining('position-gone')]);
    expect(gone.body.oldest_id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await a.workspace.owner.get(`events?after=${randomUUID()}`)).status).toBe(422);
    expect((await a.workspace.owner.get('events?after=start&cursor=x')).status).toBe(422);
    expect((await a.workspace.owner.get(`events/${randomUUID()}`)).status).toBe(404);
    expect((await a.workspace.owner.get('events/nonsense')).status).toBe(404);
  });

  it('hides what the caller may not read', async () => {
    const narrow = await a.workspace.key('viewer', ['events:read', 'companies:read']);
    await publish(a);
    const listed = await narrow.get('events?limit=500');
    const types = new Set(listed.body.items.map(({ type }: { type: string }) => type.split('.')[0]));
    expect([...types]).toEqual(['company']);
    const newest = await a.workspace.owner.get('events?limit=1&type=contact.created');
    expect((await narrow.get(`events/${newest.body.items[0].id}`)).status).toBe(404);
    expect((await narrow.get('events?type=contact.created')).status).toBe(403);
  });

  it('names every type with a schema', async () => {
    const { body } = await a.workspace.owner.get('events/types');
    const contact = body.items.find(({ type }: { type: string }) => type === 'contact.created');
    expect(contact).toMatchObject({ meaning: 'A contact was created.', permission: 'contacts:read', is_quiet: false });
    expect(contact.schema.properties.type).toEqual({ const: 'contact.created' });
  });

  it('is part of /ready', async () => {
    const { body } = await a.anonymous.get('/ready');
    expect(body.checks.log).toMatchObject({ is_ready: true, held_back_s: expect.any(Number) as number });
  });
});
