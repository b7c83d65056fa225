import { randomUUID } from 'node:crypto';
import { ContactsService } from '../../../src/modules/contacts/index.js';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { type Caller, type Json, startTestApp, type TestApp } from '../../support/app.js';
import { sentDuring } from './sent-statements.js';

let app: TestApp;
let owner: Caller;
beforeAll(async () => {
  app = await startTestApp();
  owner = app.workspace.owner;
});
afterAll(() => app.close());

const batch = (rows: unknown, query = '', caller = owner) => caller.post(`contacts/batch${query}`, rows);
const statuses = (answer: Json) => answer.body.results.map(({ status }: Json) => status);
const eventCount = async () => Number((await app.database.owner.query('select count(*) from events')).rows[0].count);

it('applies rows with one key in their order and lets the rest go on past a bad row', async () => {
  const key = randomUUID();
  const before = await eventCount();
  const answer = await batch([
    { external_id: key },
    { email: 'bad' },
    { external_id: key, first_name: 'Ada' },
    { external_id: key },
  ]);
  expect(answer.status).toBe(200);
  expect(statuses(answer)).toEqual(['created', 'failed', 'updated', 'unchanged']);
  expect(answer.body).toMatchObject({ created: 1, updated: 1, unchanged: 1, failed: 1 });
  const [first, bad, third] = answer.body.results;
  expect(bad.problem).toMatchObject({ status: 422, errors: [{ pointer: '/1/email' }] });
  expect(third.id).toBe(first.id);
  expect((await owner.get(`contacts/${first.id}`)).body).toMatchObject({ external_id: key, first_name: 'Ada' });
  expect(await eventCount()).toBe(before + 1);
});

it('matches by any e-mail address, unites tags, merges attributes, and leaves what is equal alone', async () => {
  const [email, second] = [`${randomUUID()}@example.com`, `${randomUUID()}@example.com`];
  const created = await owner.post('contacts', {
    first_name: 'Grace',
    channels: [
      { kind: 'email', value: email },
      { kind: 'email', value: second, label: 'home' },
    ],
    tags: ['a'],
    attributes: { x: 1 },
  });
  const row = {
    email: second.toUpperCase(),
    title: 'Admiral',
    first_name: null,
    tags: ['A', 'b'],
    attributes: { y: 2, x: null },
  };
  const answer = await batch([row]);
  expect(answer.body.results).toEqual([{ index: 0, status: 'updated', id: created.body.id, problem: null }]);
  const read = await owner.get(`contacts/${created.body.id}`);
  expect(read.body).toMatchObject({
    first_name: 'Grace',
    email,
    title: 'Admiral',
    tags: ['a', 'b'],
    attributes: { x: 1, y: 2 },
  });
  expect(read.body.channels).toHaveLength(2);
  const before = await eventCount();
  expect(statuses(await batch([row, row]))).toEqual(['unchanged', 'unchanged']);
  expect(await eventCount()).toBe(before);
  expect((await owner.get(`contacts/${created.body.id}`)).text).toBe(read.text);
  expect(statuses(await batch([{ email, tags: ['c'], attributes: { z: 1 } }], '?replace=tags,attributes'))).toEqual([
    'updated',
  ]);
  expect((await owner.get(`contacts/${created.body.id}`)).body).toMatchObject({ tags: ['c'], attributes: { z: 1 } });
});

it('refuses a key that two records share, and names both', async () => {
  const email = `${randomUUID()}@example.com`;
  const twins = [await owner.post('contacts', { email }), await owner.post('contacts', { email })].map(
    ({ body }) => body.id,
  );
  const [result] = (await batch([{ email, title: 'Who?' }])).body.results;
  expect(result).toMatchObject({
    status: 'failed',
    problem: { status: 409, ids: twins.toSorted((a: string, b: string) => (a < b ? -1 : 1)) },
  });
  expect(result.problem.type).toMatch(/ambiguous-match$/);
  // With an external_id it is a third person who shares the mailbox only if both of them have other ids.
  await owner.patch(`contacts/${twins[0]}`, { external_id: randomUUID() });
  await owner.patch(`contacts/${twins[1]}`, { external_id: randomUUID() });
  expect(statuses(await batch([{ email, external_id: randomUUID() }]))).toEqual(['created']);
});

it('does not silently touch deleted records', async () => {
  const [external_id, email] = [randomUUID(), `${randomUUID()}@example.com`];
  const { body } = await owner.post('contacts', { external_id, email });
  await owner.delete(`contacts/${body.id}`);
  const [byId] = (await batch([{ external_id, title: 'Back' }])).body.results;
  expect(byId).toMatchObject({ status: 'failed', id: body.id, problem: { suggestion: '?restore_deleted=true' } });
  const [byEmail] = (await batch([{ email }])).body.results;
  expect(byEmail.status).toBe('created');
  expect(byEmail.id).not.toBe(body.id);
  const [restored] = (await batch([{ external_id, title: 'Back' }], '?restore_deleted=true')).body.results;
  expect(restored).toMatchObject({ status: 'updated', id: body.id });
  expect((await owner.get(`contacts/${body.id}`)).body).toMatchObject({ title: 'Back', deleted_at: null });
  const { rows } = await app.database.owner.query('select type from events where subject_id = $1 order by seq', [
    body.id,
  ]);
  expect(rows.map(({ type }) => type)).toEqual(['contact.created', 'contact.deleted', 'contact.restored']);
});

it('finds the winner of a merge by the external_id of the loser', async () => {
  const external_id = randomUUID();
  const winner = (await owner.post('contacts', { first_name: 'Winner', external_id: randomUUID() })).body;
  const loser = (await owner.post('contacts', { first_name: 'Loser', external_id })).body;
  await app.database.owner.query('update contacts set deleted_at = now(), merged_into = $1 where id = $2', [
    winner.id,
    loser.id,
  ]);
  const answer = await batch([{ external_id, title: 'Admiral' }]);
  expect(answer.body.results[0]).toMatchObject({ status: 'updated', id: winner.id });
  expect((await owner.get(`contacts/${winner.id}`)).body).toEqual(
    expect.objectContaining({ title: 'Admiral', external_id: winner.external_id }),
  );
  const restored = await owner.post(`contacts/${loser.id}/restore`);
  expect([restored.status, restored.body.merged_into]).toEqual([409, winner.id]);
});

it('writes all or nothing when it is atomic', async () => {
  const key = randomUUID();
  const answer = await batch([{ external_id: key }, { email: 'bad' }], '?atomic=true');
  expect([answer.status, answer.body.errors]).toEqual([422, [{ pointer: '/1/email', detail: expect.any(String) }]]);
  expect((await owner.get(`contacts?external_id=${key}`)).body.items).toEqual([]);
  expect(statuses(await batch([{ external_id: key }], '?atomic=true'))).toEqual(['created']);
});

it('fails only the row whose reference is not there', async () => {
  const other = await app.newWorkspace();
  const foreign = await other.owner.post('companies', { name: 'Foreign' });
  const company = await owner.post('companies', { name: 'Own' });
  const answer = await batch([
    { first_name: 'A', company_id: foreign.body.id },
    { first_name: 'B', company_id: company.body.id },
    { first_name: 'C', owner_user_id: randomUUID() },
  ]);
  expect(statuses(answer)).toEqual(['failed', 'created', 'failed']);
  expect(answer.body.results[0].problem.errors).toEqual([expect.objectContaining({ pointer: '/0/company_id' })]);
  expect(answer.body.results[2].problem.errors).toEqual([expect.objectContaining({ pointer: '/2/owner_user_id' })]);
});

it('makes each of 500 new people once, whatever the order of 20 concurrent batches', async () => {
  const { owner: caller } = await app.newWorkspace();
  const emails = Array.from({ length: 500 }, (_, index) => `person${index}@example.com`);
  const shuffled = () =>
    emails
      .map((email) => ({ email, order: Math.random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ email }) => ({ email }));
  const answers = await Promise.all(Array.from({ length: 20 }, () => batch(shuffled(), '', caller)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers.reduce((sum, { body }) => sum + body.created, 0)).toBe(500);
  expect((await caller.get('contacts?limit=1&count=true')).body.count).toBe(500);
}, 60_000);

it('takes at most 12 statements for 1,000 rows, new or unchanged', async () => {
  const { owner: caller } = await app.newWorkspace();
  const rows = Array.from({ length: 1_000 }, (_, index) => ({
    external_id: `x${index}`,
    email: `x${index}@example.com`,
    first_name: `N${index}`,
  }));
  const count = await countStatements(async () =>
    expect((await batch(rows, '', caller)).body).toMatchObject({ created: 1_000 }),
  );
  expect(count).toBeLessThanOrEqual(12);
  const again = await countStatements(async () =>
    expect((await batch(rows, '', caller)).body).toMatchObject({ unchanged: 1_000 }),
  );
  expect(again).toBeLessThanOrEqual(12);
  const changed = rows.map((row) => ({ ...row, title: 'New' }));
  const third = await countStatements(async () =>
    expect((await batch(changed, '', caller)).body).toMatchObject({ updated: 1_000 }),
  );
  expect(third).toBeLessThanOrEqual(12);
}, 60_000);

async function countStatements(work: () => Promise<unknown>): Promise<number> {
  const sent = await sentDuring(work);
  // BEGIN, the workspace, locks, candidates, COMMIT: fewer would mean that nothing was counted.
  expect(sent.length).toBeGreaterThanOrEqual(5);
  return sent.length;
}

describe('bulkUpsert, for other rooms', () => {
  const upsert = (rows: unknown[], options = {}) =>
    app.app.nest
      .get(Context)
      .runAs(systemPrincipal(app.workspace.id), { via: 'ingest' }, () =>
        app.app.nest.get(ContactsService).bulkUpsert(rows, options),
      );

  it('finds or makes the company that a row names', async () => {
    const known = await owner.post('companies', { name: 'Known Ltd', domain: 'known.example.com' });
    const outcomes = await upsert([
      { email: 'a@known.example.com', company: { domain: 'KNOWN.example.com', name: 'Other name' } },
      { email: 'b@new.example.com', company: { name: 'Brand New' } },
      { email: 'c@new.example.com', company: { name: 'brand  NEW' } },
      { email: 'd@new.example.com', company: { name: 'Brand new', domain: 'new.example.com' } },
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['created', 'created', 'created', 'created']);
    const read = await Promise.all(outcomes.map(({ id }) => owner.get(`contacts/${id}`)));
    const companies = read.map(({ body }) => body.company_id);
    expect(companies[0]).toBe(known.body.id);
    expect(companies[1]).toBe(companies[2]);
    const brandNew = await owner.get(`companies/${companies[1]}`);
    expect(brandNew.body.name).toBe('Brand New');
    expect((await upsert([{ email: 'b@new.example.com', company: { name: 'Brand New' } }]))[0]?.status).toBe(
      'unchanged',
    );
  });

  it('follows on_match, on_deleted and on_ambiguous', async () => {
    const email = `${randomUUID()}@example.com`;
    const { body } = await owner.post('contacts', { email, first_name: 'Old', external_id: 'held' });
    const one = async (row: object, options: object) => (await upsert([row], options))[0];
    expect(await one({ email, first_name: 'New' }, { on_match: 'skip' })).toMatchObject({
      status: 'skipped',
      id: body.id,
    });
    expect(await one({ email, first_name: 'New', title: 'T' }, { on_match: 'fill_empty' })).toMatchObject({
      status: 'updated',
    });
    expect((await owner.get(`contacts/${body.id}`)).body).toMatchObject({ first_name: 'Old', title: 'T' });
    expect(await one({ email }, { on_match: 'create' })).toMatchObject({ status: 'created' });
    const third = await owner.post('contacts', { email: 'third@example.com', external_id: 'third' });
    expect(await one({ external_id: 'held', email: 'third@example.com' }, { on_ambiguous: 'fail' })).toMatchObject({
      status: 'failed',
      problem: { slug: 'ambiguous-match' },
    });
    await owner.delete(`contacts/${third.body.id}`);
    const row = { external_id: 'third', first_name: 'Third' };
    expect(await one(row, { on_deleted: 'skip' })).toMatchObject({ status: 'skipped', id: third.body.id });
    const taken = await one(row, { on_deleted: 'create' });
    expect(taken).toMatchObject({ status: 'created' });
    expect((await owner.get(`contacts/${third.body.id}?include_deleted=true`)).body.external_id).toBeNull();
  });
});

it('keeps a company from belonging to itself, also within one batch', async () => {
  const [a, b] = [
    await owner.post('companies', { name: 'A', external_id: 'a' }),
    await owner.post('companies', { name: 'B', external_id: 'b' }),
  ];
  const answer = await owner.post('companies/batch', [
    { external_id: 'a', parent_company_id: b.body.id },
    { external_id: 'b', parent_company_id: a.body.id },
    { external_id: 'c' },
  ]);
  expect(statuses(answer)).toEqual(['updated', 'failed', 'failed']);
  expect(answer.body.results[1].problem.errors[0].pointer).toBe('/1/parent_company_id');
  expect(answer.body.results[2].problem.errors[0].pointer).toBe('/2/name');
});

it('refuses what is no list of rows', async () => {
  for (const body of [{}, [], 'x', Array.from({ length: 1_001 }, () => ({}))]) {
    const answer = await owner.post('contacts/batch', JSON.stringify(body), {});
    expect([JSON.stringify(body).slice(0, 10), answer.status]).toEqual([JSON.stringify(body).slice(0, 10), 422]);
  }
  const odd = await batch([null, 1, 'x', [], { unknown: 1 }, {}, { __proto__: null, email: 5 }]);
  expect(statuses(odd)).toEqual(Array(7).fill('failed'));
  expect((await batch([{}], '?replace=nonsense')).status).toBe(422);
  expect((await batch([{}], '?atomic=maybe')).status).toBe(422);
});
