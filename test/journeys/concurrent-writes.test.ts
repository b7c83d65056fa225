import { type Installation, newInstallation, OWNER_KEY, type ServerProcess } from '../support/server-process.js';

const MANY = 64;

let installation: Installation;
let server: ServerProcess;

beforeAll(async () => {
  installation = await newInstallation();
  server = await installation.start();
}, 90_000);

afterAll(() => installation.remove(), 60_000);

const all = <Result>(work: (n: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: MANY }, (_, n) => work(n)));

/** Deadlocks and rollbacks that the database has seen so far. */
async function deadlocks(): Promise<number> {
  const { rows } = await installation.database.owner.query<{ deadlocks: number }>(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  return rows[0]?.deadlocks ?? Number.NaN;
}

it('64 creates at once of 64 contacts are 64 contacts with one event each', async () => {
  const answers = await all((n) => server.as(OWNER_KEY).post('contacts', { email: `one-${n}@example.com` }));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(MANY);
  expect(await installation.count(`events where type = 'contact.created'`)).toBe(MANY);
});

it('64 creates at once with one external id are one contact, and the others are told', async () => {
  const answers = await all((n) =>
    server.as(OWNER_KEY).post('contacts', { external_id: 'same', email: `same-${n}@example.com` }),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(MANY - 1);
  expect(await installation.count(`contacts where external_id = 'same'`)).toBe(1);
  expect(await installation.count(`events where type = 'contact.created'`)).toBe(MANY + 1);
});

it('64 retries at once with one Idempotency-Key are executed once and answered alike', async () => {
  const body = { first_name: 'Ada', email: 'once@example.com' };
  const first = await all(() => server.as(OWNER_KEY).post('contacts', body, { 'idempotency-key': 'journey-1' }));
  for (const { status } of first) expect([201, 409]).toContain(status);
  const made = first.filter(({ status }) => status === 201);
  expect(made.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
  expect(new Set(made.map(({ text }) => text)).size).toBe(1);
  // Who was told that the first one still runs asks again, and gets its answer.
  const again = await all(() => server.as(OWNER_KEY).post('contacts', body, { 'idempotency-key': 'journey-1' }));
  for (const { status, headers, text } of again) {
    expect([status, headers.get('idempotent-replayed'), text]).toEqual([201, 'true', made[0]?.text]);
  }
  expect(await installation.count(`contacts where email = 'once@example.com'`)).toBe(1);
  const other = await server.as(OWNER_KEY).post('contacts', { first_name: 'Eve' }, { 'idempotency-key': 'journey-1' });
  expect(other.status).toBe(422);
});

it('64 patches at once of one contact leave 64 versions in the log that follow one another', async () => {
  const { body: contact } = await server.as(OWNER_KEY).post('contacts', { email: 'busy@example.com', title: 'start' });
  const answers = await all((n) => server.as(OWNER_KEY).patch(`contacts/${contact.id}`, { title: `title ${n}` }));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const { rows } = await installation.database.owner.query<{ from: string; to: string }>(
    `select changes -> 'title' ->> 'from' as "from", changes -> 'title' ->> 'to' as "to" from events
     where subject_id = $1 and type = 'contact.updated' order by epoch, seq`,
    [contact.id],
  );
  expect(rows).toHaveLength(MANY);
  expect(rows.map(({ from }) => from)).toEqual(['start', ...rows.slice(0, -1).map(({ to }) => to)]);
  const { body: now } = await server.as(OWNER_KEY).get(`contacts/${contact.id}`);
  expect(now.title).toBe(rows.at(-1)?.to);
});

it('64 batches at once over the same contacts, in orders of their own, end without a deadlock shown to anyone', async () => {
  const people = Array.from({ length: 20 }, (_, n) => `crowd-${n}@example.com`);
  const answers = await all((n) => {
    const turned = [...people.slice(n % 20), ...people.slice(0, n % 20)];
    const items = (n % 2 === 0 ? turned : turned.reverse()).map((email) => ({ email, title: `round ${n}` }));
    return server.as(OWNER_KEY).post('contacts/batch', items);
  });
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  for (const email of people) expect(await installation.count('contacts where email = $1', [email])).toBe(1);
  expect(answers.map(({ body }) => body.failed)).toEqual(answers.map(() => 0));
  expect(await deadlocks()).toBe(0);
});

it('none of it was logged as a fault', () => {
  expect(server.stderr()).toBe('');
});
