import { SseClient } from '../platform/events/sse-client.js';
import { type Installation, newInstallation, OWNER_KEY, type ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

let installation: Installation;
let a: ServerProcess;
let b: ServerProcess;
let made = 0;

beforeAll(async () => {
  installation = await newInstallation({
    ENGAWA_LIMIT_PRINCIPAL: '0',
    ENGAWA_LIMIT_WORKSPACE: '0',
    ENGAWA_LIMIT_ADDRESS: '0',
  });
  await installation.database.owner.query(`
    create table witnesses (what text not null, subject text not null, pid integer not null, at timestamptz not null default now());
    grant insert on witnesses to engawa_app, engawa_system`);
  [a, b] = await Promise.all([installation.start({}, 'witness'), installation.start({}, 'witness')]);
}, 90_000);

afterAll(() => installation.remove(), 60_000);

/** Creates a contact and returns its subject; undefined when no answer came. */
async function create(server: ServerProcess): Promise<string | undefined> {
  const email = `person-${++made}@example.com`;
  const answer = await server
    .as(OWNER_KEY)
    .post('contacts', { email })
    .catch(() => undefined);
  if (answer && answer.status !== 201) throw new Error(`create answered ${answer.status}: ${answer.text}`);
  return answer && `contact/${answer.body.id}`;
}

/** Creates so many contacts, at most 40 at a time, at the server that is chosen for each. */
async function createMany(count: number, at: (n: number) => ServerProcess): Promise<(string | undefined)[]> {
  const subjects: (string | undefined)[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) subjects.push(await create(at(next++)));
  };
  await Promise.all(Array.from({ length: 40 }, caller));
  return subjects;
}

/** How often each contact was consumed and worked on: once, if all is well. */
async function faults(what: 'consumed' | 'worked'): Promise<readonly unknown[]> {
  const { rows } = await installation.database.owner.query(
    `select c.id, count(w.subject)::int as times from contacts c left join witnesses w on w.what = $1 and w.subject = 'contact/' || c.id
     group by c.id having count(w.subject) <> 1`,
    [what],
  );
  return rows;
}

/** Times at which the schedule ran, in milliseconds since the first. */
async function ticks(): Promise<number[]> {
  const { rows } = await installation.database.owner.query<{ ms: number }>(
    `select (extract(epoch from at - min(at) over ()) * 1000)::int as ms from witnesses where what = 'ticked' order by at`,
  );
  return rows.map(({ ms }) => ms);
}

it('two instances that start together make one workspace with one key, and both accept it', async () => {
  expect(await installation.count('workspaces')).toBe(1);
  expect(await installation.count('api_keys')).toBe(1);
  for (const server of [a, b]) expect((await server.as(OWNER_KEY).get('contacts')).status).toBe(200);
});

it('a stream on B shows what is written on A within a second, once and in order', async () => {
  const stream = SseClient.open(b.url, OWNER_KEY, '/api/v1/events/stream?types=contact.*');
  await stream.connected();
  for (let n = 0; n < 5; n++) {
    const subject = await create(a);
    const answered_ms = performance.now();
    await stream.until(({ events }) => events.some(({ data }) => JSON.parse(data).subject === subject));
    expect(performance.now() - answered_ms).toBeLessThan(1_000);
  }
  const subjects = await createMany(40, (n) => (n % 2 === 0 ? a : b));
  await stream.until(({ events }) => events.length >= 45);
  const seen = stream.events.map(({ data }) => JSON.parse(data).subject as string);
  expect(seen).toHaveLength(45);
  expect(new Set(seen.slice(5))).toEqual(new Set(subjects));
  stream.cut();
});

it('consumers and jobs do their work once per event, and both instances take part', async () => {
  await createMany(300, (n) => (n % 2 === 0 ? a : b));
  await until('all is consumed and worked on', async () => (await faults('worked')).length === 0);
  expect(await faults('consumed')).toEqual([]);
  expect(await faults('worked')).toEqual([]);
  const { rows } = await installation.database.owner.query<{ pid: number }>(
    `select distinct pid from witnesses where what = 'worked'`,
  );
  expect(new Set(rows.map(({ pid }) => pid))).toEqual(new Set([a.child.pid, b.child.pid]));
});

it('a schedule of every 500 ms runs at that pace, not twice as often', async () => {
  await until('it ran eight times', async () => (await ticks()).length >= 8);
  const at = await ticks();
  // A run is noted some milliseconds after it was taken, hence the allowance.
  expect(at.at(-1)).toBeGreaterThanOrEqual((at.length - 1) * 500 - 100);
});

it('an upload taken by A is worked through once, though B shares the queue', async () => {
  const rows = Array.from({ length: 2_000 }, (_, n) => `First ${n},upload-${n}@example.com`).join('\n');
  const upload = (server: ServerProcess) =>
    server
      .as(OWNER_KEY)
      .request('POST', 'ingest/files?source=both', `First Name,Email\n${rows}\n`, { 'content-type': 'text/csv' });
  // The same file at both at once: one of them answers with the run of the other, or the second run changes nothing.
  const runs = await Promise.all([upload(a), upload(b)]);
  expect(runs.map(({ status }) => status < 300)).toEqual([true, true]);
  for (const { body } of runs) {
    await until(
      'the run is over',
      async () => (await b.as(OWNER_KEY).get(`ingest/runs/${body.id}`)).body.status === 'completed',
    );
  }
  expect(await installation.count(`contacts where email like 'upload-%'`)).toBe(2_000);
  expect(
    await installation.count(
      `events where type = 'contact.created' and subject_id in (select id from contacts where email like 'upload-%')`,
    ),
  ).toBe(2_000);
  await until('all is worked on', async () => (await faults('worked')).length === 0);
});

it.each(['A', 'B'])(
  'killing %s under load loses nothing that was answered, and a stream goes on at the other',
  async (name) => {
    const [victim, other] = name === 'A' ? [a, b] : [b, a];
    const stream = SseClient.open(victim.url, OWNER_KEY, '/api/v1/events/stream?types=contact.created');
    await stream.connected();
    const answered: (string | undefined)[] = [];
    let isKilled = false;
    const load = async (server: ServerProcess): Promise<void> => {
      for (let n = 0; n < 60 && !(isKilled && server === victim); n++) answered.push(await create(server));
    };
    const loads = [load(victim), load(victim), load(other), load(other)];
    await stream.until(({ events }) => events.length >= 30, 20_000);
    isKilled = true;
    await victim.end('SIGKILL');
    await Promise.all(loads);

    const resumed = SseClient.open(
      other.url,
      OWNER_KEY,
      '/api/v1/events/stream?types=contact.created',
      stream.events.at(-1)?.id,
    );
    const subjects = (): string[] => [...stream.events, ...resumed.events].map(({ data }) => JSON.parse(data).subject);
    const kept = answered.filter((subject) => subject !== undefined);
    await resumed.until(() => kept.every((subject) => subjects().includes(subject)));
    expect(new Set(subjects()).size).toBe(subjects().length);
    resumed.cut();

    // What the dead one had claimed comes back when its lease has run out; here that is now.
    await installation.database.owner.query(
      `update scheduled_runs set leased_until = now() where leased_by is not null`,
    );
    await installation.database.owner.query(
      `update jobs set lease_until = now() where state = 'leased' and leased_by like '%:' || $1 || ':%'`,
      [victim.child.pid],
    );
    await until('all is worked on', async () => (await faults('worked')).length === 0, { within_ms: 30_000 });
    expect(await faults('consumed')).toEqual([]);
    expect(await installation.count('jobs')).toBe(0);
    const ran = (await ticks()).length;
    await until('the schedule goes on', async () => (await ticks()).length > ran + 1);

    const started = await installation.start({}, 'witness');
    if (name === 'A') a = started;
    else b = started;
  },
  90_000,
);

it('SIGTERM of one while the other is at work: it ends with 0 and hands over what it held', async () => {
  const loads = createMany(400, (n) => (n % 4 === 0 ? a : b));
  const { code, took_ms } = await a.end('SIGTERM');
  expect([code, took_ms < 10_000]).toEqual([0, true]);
  await loads;
  await until('all is worked on', async () => (await faults('worked')).length === 0);
  expect(await faults('consumed')).toEqual([]);
});
