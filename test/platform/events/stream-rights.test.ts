import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { Principal } from '../../../src/platform/context/principal.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { EventStream } from '../../../src/platform/events/event-stream.js';
import { LiveSignals } from '../../../src/platform/events/live-signals.js';
import { PrincipalCheck } from '../../../src/platform/events/principal-check.js';
import { until } from '../../support/until.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { type LogProcess, startLogProcess } from './log-bench.js';
import { SseClient } from './sse-client.js';

const invalid = new Set<string>();
const asked: string[] = [];

class Doorkeeper extends PrincipalCheck {
  stillValid({ id }: Principal): Promise<boolean> {
    asked.push(id ?? '');
    return Promise.resolve(!invalid.has(id ?? ''));
  }
}

let database: TestDatabase;
let log: LogProcess;
let server: Server;
let url: string;
const here = randomUUID();

/** Streams for whoever the path names: /<user id>/<milliseconds until the credential ends>. */
beforeAll(async () => {
  database = await createTestDatabase();
  log = await startLogProcess(database, [], 8, [{ provide: PrincipalCheck, useClass: Doorkeeper }]);
  const stream = log.get(EventStream);
  server = createServer((request, response) => {
    const [, id = '', ends_in = ''] = request.url?.split('/') ?? [];
    const principal: Principal = {
      ...systemPrincipal(here, { type: 'user', id, name: 'Ada' }),
      expires_at_ms: ends_in === '' ? null : Date.now() + Number(ends_in),
    };
    const filter = { types: new Set(['contact.created']), subject: null, format: 'event' } as const;
    log.context
      .runAs(principal, { via: 'rest' }, () => stream.open(response, filter, { at: 'now' }))
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await log.close();
  await database.drop();
});

async function open(path: string): Promise<SseClient> {
  const client = SseClient.open(url, '', path);
  await client.connected();
  return client;
}

/** The log holds what is younger than the oldest writer of the whole server, autovacuum's ANALYZE included. */
async function isReadable(): Promise<boolean> {
  const { rows } = await database.owner.query<{ is_readable: boolean }>(
    'select bool_and(tx < pg_snapshot_xmin(pg_current_snapshot())) as is_readable from events',
  );
  return rows[0]?.is_readable === true;
}

/** Publishes an event and waits until every stream has it. */
async function arrival(streams: readonly SseClient[]): Promise<void> {
  const id = randomUUID();
  await log.as(here, () => log.events.publish('contact.created', { subject_id: id, data: { id } }));
  await Promise.all(
    streams.map((stream) => stream.until(({ messages }) => messages.some(({ data }) => data?.includes(id)), 10_000)),
  );
}

describe('a stream ends', () => {
  it('at once when rights are signalled to have changed and the caller may no longer be here', async () => {
    const [gone, stays] = [randomUUID(), randomUUID()];
    const streams = await Promise.all([open(`/${gone}`), open(`/${gone}`), open(`/${stays}`)]);
    const before = asked.length;
    invalid.add(gone);
    log.get(LiveSignals).signal('access');
    await Promise.all(streams.slice(0, 2).map((stream) => stream.until(({ isEnded }) => isEnded, 1_000)));
    expect(new Set(asked.slice(before))).toEqual(new Set([gone, stays]));
    expect(streams[0]?.messages.at(-1)?.event).toBe('closed');
    expect(streams[2]?.isEnded).toBe(false);
    streams[2]?.cut();
  });

  it('when the caller lost the right to be here while the stream was opening', async () => {
    const id = randomUUID();
    invalid.add(id);
    const stream = await open(`/${id}`);
    await stream.until(({ isEnded }) => isEnded);
    expect(JSON.parse(stream.messages.at(-1)?.data ?? '')).toMatchObject({ reason: 'no_longer_valid' });
  });

  it('when its credential does', async () => {
    const stream = await open(`/${randomUUID()}/300`);
    await stream.until(({ isEnded }) => isEnded, 3_000);
    expect(JSON.parse(stream.messages.at(-1)?.data ?? '')).toMatchObject({ reason: 'expired' });
  });

  it.each([
    ['workspace.member_removed', 'member_removed'],
    ['workspace.member_role_changed', 'role_changed'],
  ] as const)('on %s', async (type, reason) => {
    const id = randomUUID();
    const [own, others] = [await open(`/${id}`), await open(`/${randomUUID()}`)];
    // What changes while a stream still opens is the credential's check to see, and here that one always agrees.
    for (let round = 0; round < 3; round++) await arrival([own, others]);
    await log.as(here, () => log.events.publish(type, { subject_id: id, data: { user_id: id } }));
    await until('the event is released', isReadable);
    await own.until(({ isEnded }) => isEnded, 1_000);
    expect(JSON.parse(own.messages.at(-1)?.data ?? '')).toMatchObject({ reason });
    expect(others.isEnded).toBe(false);
    others.cut();
  });
});
