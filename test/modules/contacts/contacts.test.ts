import { randomUUID } from 'node:crypto';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Database } from '../../../src/platform/database/database.js';
import { Events } from '../../../src/platform/events/events.js';
import { Relay } from '../../../src/platform/events/relay.js';
import { type Caller, startTestApp, type TestApp } from '../../support/app.js';

let app: TestApp;
let owner: Caller;
beforeAll(async () => {
  app = await startTestApp();
  owner = app.workspace.owner;
});
afterAll(() => app.close());

const eventsOf = async (id: string) => {
  const { rows } = await app.database.owner.query(
    'select type, data, changes, id from events where subject_id = $1 order by seq',
    [id],
  );
  return rows;
};
const create = async (body: object) => {
  const answer = await owner.post('contacts', body);
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body;
};

it('creates a contact, publishes it, and reads back the same', async () => {
  const answer = await owner.post('contacts', {
    first_name: ' Ada ',
    last_name: 'Lovelace',
    email: 'ADA@Example.com',
    phone: '+41 44 668 18 00',
    tags: ['VIP', 'vip', ' early '],
    attributes: { seats: 5 },
  });
  expect(answer.status).toBe(201);
  expect(answer.headers.get('location')).toBe(`/api/v1/contacts/${answer.body.id}`);
  expect(answer.body).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
    external_id: null,
    name: 'Ada Lovelace',
    first_name: 'Ada',
    last_name: 'Lovelace',
    email: 'ada@example.com',
    phone: '+41446681800',
    title: null,
    company_id: null,
    owner_user_id: null,
    channels: [
      { kind: 'email', value: 'ada@example.com' },
      { kind: 'phone', value: '+41446681800' },
    ],
    tags: ['VIP', 'early'],
    attributes: { seats: 5 },
    created_at: expect.any(String),
    updated_at: answer.body.created_at,
    deleted_at: null,
  });
  const read = await owner.get(`contacts/${answer.body.id}`);
  expect(read.status).toBe(200);
  expect(read.text).toBe(answer.text);
  expect(read.headers.get('etag')).toBe(answer.headers.get('etag'));
  const events = await eventsOf(answer.body.id);
  expect(events).toEqual([expect.objectContaining({ type: 'contact.created', data: answer.body, changes: null })]);
});

it('patches what is named, tells what changed, and writes nothing for no change', async () => {
  const before = await create({
    first_name: 'Grace',
    email: 'grace@example.com',
    attributes: { a: 1, b: { c: 2, d: 3 } },
  });
  const patched = await owner.patch(`contacts/${before.id}`, {
    last_name: 'Hopper',
    first_name: null,
    attributes: { a: null, b: { c: 4 } },
  });
  expect(patched.status).toBe(200);
  expect(patched.body).toMatchObject({ name: 'Hopper', first_name: null, attributes: { b: { c: 4, d: 3 } } });
  const again = await owner.patch(`contacts/${before.id}`, { last_name: 'Hopper ', email: 'GRACE@example.com' });
  expect(again.text).toBe(patched.text);
  const events = await eventsOf(before.id);
  expect(events.map(({ type }) => type)).toEqual(['contact.created', 'contact.updated']);
  expect(events[1].changes).toEqual({
    name: { from: 'Grace', to: 'Hopper' },
    first_name: { from: 'Grace', to: null },
    last_name: { from: null, to: 'Hopper' },
    attributes: { from: { a: 1, b: { c: 2, d: 3 } }, to: { b: { c: 4, d: 3 } } },
  });
});

it('finds by any address, by words and by tags', async () => {
  const ada = await create({
    first_name: 'Augusta',
    channels: [
      { kind: 'email', value: 'first@example.com' },
      { kind: 'email', value: 'Second@Example.com', label: 'home' },
      { kind: 'phone', value: '044 668 18 00' },
    ],
    tags: ['Countess'],
  });
  for (const query of [
    'email=SECOND@example.com',
    'phone=0446681800',
    'q=augusta',
    'q=second',
    'tag=countess',
    'q=augusta&tag=Countess&email=first@example.com',
    'q=augusta&sort=last_name&count=true',
  ]) {
    const answer = await owner.get(`contacts?${query}`);
    expect([query, answer.status, answer.body.items?.map((item: { id: string }) => item.id)]).toEqual([
      query,
      200,
      [ada.id],
    ]);
  }
});

it('deletes, hides, shows on demand and restores', async () => {
  const { id } = await create({ first_name: 'Gone', email: 'gone@example.com' });
  expect((await owner.delete(`contacts/${id}`)).status).toBe(204);
  expect((await owner.get(`contacts/${id}`)).status).toBe(404);
  expect((await owner.get(`contacts/${id}?include_deleted=true`)).body.deleted_at).toEqual(expect.any(String));
  expect((await owner.get('contacts?email=gone@example.com')).body.items).toEqual([]);
  expect((await owner.get('contacts?q=gone')).body.items).toEqual([]);
  const restored = await owner.post(`contacts/${id}/restore`);
  expect([restored.status, restored.body.deleted_at]).toEqual([200, null]);
  expect((await owner.get('contacts?email=gone@example.com')).body.items).toHaveLength(1);
  expect((await owner.get('contacts?q=gone')).body.items).toHaveLength(1);
  expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
    'contact.created',
    'contact.deleted',
    'contact.restored',
  ]);
  expect((await owner.delete(`contacts/${id}?hard=true`)).status).toBe(204);
  expect((await owner.get(`contacts/${id}?include_deleted=true`)).status).toBe(404);
  const { rows } = await app.database.owner.query(
    'select 1 from subjects where id = $1 union all select 1 from lookup_keys where subject_id = $1 union all select 1 from search_documents where id = $1',
    [id],
  );
  expect(rows).toEqual([]);
});

it('pages through companies', async () => {
  for (let index = 0; index < 5; index++)
    await owner.post('companies', { name: `Company ${index}`, domain: `c${index}.example.com` });
  const first = await owner.get('companies?limit=3&sort=name&count=true');
  expect(first.body.count).toBe(5);
  const second = await owner.get(`companies?limit=3&sort=name&cursor=${first.body.next_cursor}`);
  expect([...first.body.items, ...second.body.items].map(({ name }) => name)).toEqual(
    [0, 1, 2, 3, 4].map((n) => `Company ${n}`),
  );
  expect(second.body.next_cursor).toBeNull();
  expect((await owner.get('contacts/no-uuid')).status).toBe(404);
  expect((await owner.get(`contacts/${randomUUID()}`)).status).toBe(404);
});

it('takes a member who left from the records, with an event for each', async () => {
  const user_id = randomUUID();
  const { id: workspace_id } = app.workspace;
  await app.database.owner.query('insert into users (id, email, name) values ($1, $2, $3)', [
    user_id,
    `${user_id}@x.org`,
    'M',
  ]);
  await app.database.owner.query(`insert into memberships (workspace_id, user_id, role) values ($1, $2, 'member')`, [
    workspace_id,
    user_id,
  ]);
  const contact = await create({ first_name: 'Owned', owner_user_id: user_id });
  const company = (await owner.post('companies', { name: 'Owned', owner_user_id: user_id })).body;
  const other = await create({ first_name: 'Free' });
  await app.database.owner.query('update memberships set removed_at = now() where user_id = $1', [user_id]);
  expect((await owner.post('contacts', { first_name: 'Late', owner_user_id: user_id })).status).toBe(422);
  const nest = app.app.nest;
  await nest.get(Context).runAs(systemPrincipal(workspace_id), { via: 'system' }, () =>
    nest.get(Database).transaction(async () => {
      nest.get(Events).publish('workspace.member_removed', { subject_id: user_id, data: { user_id } });
    }),
  );
  await nest.get(Relay).drain();
  for (const [path, { id }] of [
    ['contacts', contact],
    ['companies', company],
  ] as const) {
    expect((await owner.get(`${path}/${id}`)).body.owner_user_id).toBeNull();
    const events = await eventsOf(id);
    expect(events.at(-1)?.changes).toEqual({ owner_user_id: { from: user_id, to: null } });
  }
  expect(await eventsOf(other.id)).toHaveLength(1);
});
