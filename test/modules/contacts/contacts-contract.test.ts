import { randomUUID } from 'node:crypto';
import { type Caller, startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';

let app: TestApp;
let owner: Caller;
let viewer: Caller;
let member: Caller;
let stranger: TestWorkspace;
beforeAll(async () => {
  app = await startTestApp();
  owner = app.workspace.owner;
  [viewer, member, stranger] = await Promise.all([
    app.workspace.key('viewer'),
    app.workspace.key('member'),
    app.newWorkspace(),
  ]);
});
afterAll(() => app.close());

describe.each([
  {
    noun: 'contact',
    path: 'contacts',
    body: { first_name: 'Ada' },
    change: { last_name: 'King' },
    wrong: { first_name: 5 },
  },
  { noun: 'company', path: 'companies', body: { name: 'Acme' }, change: { industry: 'Gears' }, wrong: { name: '' } },
])('$path', ({ noun, path, body, change, wrong }) => {
  const make = async (more: object = {}) => (await owner.post(path, { ...body, ...more })).body;

  it('answers 401 without a credential', async () => {
    const { id } = await make();
    const answers = await Promise.all([
      app.anonymous.get(path),
      app.anonymous.post(path, body),
      app.anonymous.post(`${path}/batch`, [body]),
      app.anonymous.get(`${path}/${id}`),
      app.anonymous.patch(`${path}/${id}`, change),
      app.anonymous.delete(`${path}/${id}`),
      app.anonymous.post(`${path}/${id}/restore`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(Array(7).fill(401));
  });

  it('lets a viewer read and answers 403 to what writes', async () => {
    const { id } = await make();
    expect((await viewer.get(path)).status).toBe(200);
    expect((await viewer.get(`${path}/${id}`)).status).toBe(200);
    const answers = await Promise.all([
      viewer.post(path, body),
      viewer.post(`${path}/batch`, [body]),
      viewer.patch(`${path}/${id}`, change),
      viewer.delete(`${path}/${id}`),
      viewer.post(`${path}/${id}/restore`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(403));
  });

  it('lets a member delete softly but not for good', async () => {
    const { id } = await make();
    expect((await member.delete(`${path}/${id}?hard=true`)).status).toBe(403);
    expect((await member.delete(`${path}/${id}`)).status).toBe(204);
    expect((await owner.delete(`${path}/${id}?hard=true`)).status).toBe(204);
    expect((await owner.delete(`${path}/${id}?hard=true`)).status).toBe(404);
  });

  it('answers one same 404 for a missing, a foreign, a deleted and a senseless id', async () => {
    const deleted = await make();
    await owner.delete(`${path}/${deleted.id}`);
    const foreign = (await stranger.owner.post(path, body)).body.id;
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const answers = await Promise.all(
        [randomUUID(), foreign, deleted.id, 'no-uuid', '%00', 'a'.repeat(500)].map((id) =>
          owner.request(method, `${path}/${id}`, method === 'PATCH' ? change : undefined),
        ),
      );
      const bodies = new Set(answers.map((answer) => JSON.stringify({ ...answer.body, instance: '' })));
      expect([method, answers.map(({ status }) => status)]).toEqual([method, Array(6).fill(404)]);
      expect([...bodies]).toHaveLength(1);
      expect([...bodies][0]).toContain(`${noun}-not-found`);
    }
    expect((await stranger.owner.get(`${path}?include_deleted=true&limit=500`)).body.items).toHaveLength(1);
    await stranger.owner.delete(`${path}/${foreign}?hard=true`);
  });

  it('answers 422 with a pointer to each mistake, and never 500', async () => {
    const { id } = await make();
    const bad: unknown[] = [
      wrong,
      { ...body, nonsense: 1 },
      { ...body, id: randomUUID() },
      { ...body, created_at: '2020-01-01T00:00:00Z' },
      { ...body, workspace_id: randomUUID() },
      { ...body, tags: 'x' },
      { ...body, tags: [''] },
      { ...body, tags: ['x'.repeat(65)] },
      { ...body, tags: Array.from({ length: 101 }, (_, index) => `t${index}`) },
      { ...body, attributes: [] },
      { ...body, attributes: { a: { b: { c: { d: { e: { f: 1 } } } } } } },
      { ...body, attributes: { big: 'x'.repeat(70_000) } },
      { ...body, owner_user_id: 'me' },
      { ...body, owner_user_id: randomUUID() },
      { ...body, external_id: 'x'.repeat(256) },
    ];
    for (const given of bad) {
      for (const answer of [await owner.post(path, given), await owner.patch(`${path}/${id}`, given)]) {
        const shown = JSON.stringify(given).slice(0, 80);
        expect([shown, answer.status]).toEqual([shown, 422]);
        expect(answer.body.errors[0]).toEqual({ pointer: expect.stringMatching(/^\//), detail: expect.any(String) });
      }
    }
    expect((await owner.post(path, `{"attributes":{"__proto__":{"x":1}}}`)).status).toBe(422);
    for (const query of [
      'limit=0',
      'sort=nonsense',
      'cursor=x',
      'nonsense=1',
      'tag=a&include_deleted=true',
      'q=a&include_deleted=true',
      'created_at.gt=2026-02-30T00:00:00Z',
      'created_at.gt=0000-01-01T00:00:00Z',
      'updated_at.lte=9999-12-31T23:59:59-23:59',
    ]) {
      expect([query, (await owner.get(`${path}?${query}`)).status]).toEqual([query, 422]);
    }
    expect((await owner.get(`${path}?created_at.gt=${encodeURIComponent('2026-01-01T00:00:00+23:00')}`)).status).toBe(
      200,
    );
    await make({ tags: ['forged'] });
    await make({ tags: ['forged'] });
    for (const query of ['limit=1', 'limit=1&tag=forged']) {
      const { next_cursor } = (await owner.get(`${path}?${query}`)).body;
      const [bound, , last] = JSON.parse(Buffer.from(next_cursor, 'base64url').toString()) as string[];
      for (const time of ['1', 'infinity', '2026-02-30 00:00:00+00', '0000-01-01T00:00:00Z']) {
        const forged = Buffer.from(JSON.stringify([bound, time, last])).toString('base64url');
        expect([time, (await owner.get(`${path}?${query}&cursor=${forged}`)).status]).toEqual([time, 422]);
      }
    }
    for (const query of ['hard=yes', 'nonsense=true']) {
      expect([query, (await owner.delete(`${path}/${id}?${query}`)).status]).toEqual([query, 422]);
    }
  });

  it('answers 409 naming the record that holds an external_id', async () => {
    const external_id = randomUUID();
    const holder = await make({ external_id });
    const other = await make();
    for (const answer of [
      await owner.post(path, { ...body, external_id }),
      await owner.patch(`${path}/${other.id}`, { external_id }),
      await owner.post(path, { ...body, external_id }, { 'idempotency-key': randomUUID() }),
    ]) {
      expect([answer.status, answer.body.holder_id]).toEqual([409, holder.id]);
      expect(answer.body.type).toMatch(/external-id-taken$/);
    }
    expect((await stranger.owner.post(path, { ...body, external_id })).status).toBe(201);
  });

  it('honours If-Match and If-None-Match', async () => {
    const created = await owner.post(path, body);
    const etag = created.headers.get('etag') ?? '';
    const url = `${path}/${created.body.id}`;
    expect((await owner.get(url, { 'if-none-match': etag })).status).toBe(304);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => owner.patch(url, { attributes: { index } }, { 'if-match': etag })),
    );
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, ...Array(9).fill(412)]);
    const before = await owner.get(url);
    expect((await owner.patch(url, change, { 'if-match': etag })).status).toBe(412);
    expect((await owner.delete(url, { 'if-match': etag })).status).toBe(412);
    expect((await owner.get(url)).text).toBe(before.text);
    expect((await owner.delete(url, { 'if-match': before.headers.get('etag') ?? '' })).status).toBe(204);
  });

  it('creates once for 64 concurrent requests with one Idempotency-Key', async () => {
    const tag = randomUUID();
    const headers = { 'idempotency-key': randomUUID() };
    const send = () => owner.post(path, { ...body, tags: [tag] }, headers);
    const answers = await Promise.all(Array.from({ length: 64 }, send));
    expect(answers.filter(({ status }) => ![201, 409].includes(status))).toEqual([]);
    expect(new Set(answers.filter(({ status }) => status === 201).map(({ body: { id } }) => id)).size).toBe(1);
    const replay = await send();
    expect([replay.status, replay.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect((await owner.get(`${path}?tag=${tag}`)).body.items).toHaveLength(1);
    expect((await owner.post(path, { ...body, tags: ['other'] }, headers)).status).toBe(422);
  });

  it('takes 64 concurrent creates, and gives one of them the external_id that all want', async () => {
    const tag = randomUUID();
    const free = await Promise.all(Array.from({ length: 64 }, () => owner.post(path, { ...body, tags: [tag] })));
    expect(new Set(free.map(({ status }) => status))).toEqual(new Set([201]));
    expect((await owner.get(`${path}?tag=${tag}&count=true&limit=1`)).body.count).toBe(64);
    const external_id = randomUUID();
    const same = await Promise.all(Array.from({ length: 64 }, () => owner.post(path, { ...body, external_id })));
    expect(same.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(same.filter(({ status }) => status === 409)).toHaveLength(63);
  });

  it('pages with q and filters as without, in every order', async () => {
    const word = `w${randomUUID().slice(0, 8)}`;
    const ids: string[] = [];
    for (let index = 0; index < 7; index++)
      ids.push((await make({ tags: [word], external_id: `${word}-${index}` })).id);
    for (const query of [
      `q=${word}`,
      `tag=${word}`,
      `q=${word}&sort=-updated_at`,
      `q=${word}&owner_user_id.is_null=true`,
      `q=${word}&sort=created_at`,
    ]) {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const { body: page }: { body: { items: { id: string }[]; next_cursor: string | null } } = await owner.get(
          `${path}?${query}&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        expect(page.items.length).toBeLessThanOrEqual(3);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.next_cursor;
      }
      const expected = query.includes('sort=created_at') ? ids : ids.toReversed();
      expect([query, seen]).toEqual([query, expected]);
    }
    expect((await owner.get(`${path}?q=${word}&count=true&limit=2`)).body).toMatchObject({ count: 7 });
    expect((await owner.get(`${path}?q=${word}&external_id=${word}-3`)).body.items).toHaveLength(1);
  });
});

describe('references', () => {
  it('refuses a company or parent of another workspace exactly like a random one', async () => {
    const foreign = (await stranger.owner.post('companies', { name: 'Foreign' })).body.id;
    const { id } = (await owner.post('contacts', { first_name: 'Ada' })).body;
    for (const [path, field] of [
      ['contacts', 'company_id'],
      ['companies', 'parent_company_id'],
    ] as const) {
      const body = path === 'contacts' ? { first_name: 'Ada' } : { name: 'Acme' };
      const answers = [];
      for (const given of [foreign, randomUUID()]) answers.push(await owner.post(path, { ...body, [field]: given }));
      const [first, second] = answers.map((answer) => JSON.stringify({ ...answer.body, instance: '' }));
      expect(answers.map(({ status }) => status)).toEqual([422, 422]);
      expect(first).toBe(second);
      expect(answers[0]?.body.errors).toEqual([{ pointer: `/${field}`, detail: expect.any(String) }]);
    }
    const patched = await owner.patch(`contacts/${id}`, { company_id: foreign });
    expect([patched.status, patched.body.errors[0].pointer]).toEqual([422, '/company_id']);
  });

  it('keeps two concurrent changes from closing a circle of companies', async () => {
    const make = async (name: string, parent_company_id?: string) =>
      (await owner.post('companies', { name, ...(parent_company_id && { parent_company_id }) })).body.id;
    for (let round = 0; round < 5; round++) {
      const [a, b] = [await make('A'), await make('B')];
      const answers = await Promise.all([
        owner.patch(`companies/${a}`, { parent_company_id: b }),
        owner.patch(`companies/${b}`, { parent_company_id: a }),
      ]);
      expect(answers.map(({ status }) => status).sort((x, y) => x - y)).toEqual([200, 422]);
    }
    const top = await make('Top');
    const low = await make('Low', await make('Middle', top));
    const answer = await owner.patch(`companies/${top}`, { parent_company_id: low });
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, '/parent_company_id']);
    expect((await owner.patch(`companies/${top}`, { parent_company_id: top })).status).toBe(422);
  });

  it('tells the company of a contact, and the old one, of a change', async () => {
    const [a, b] = [
      (await owner.post('companies', { name: 'A' })).body.id,
      (await owner.post('companies', { name: 'B' })).body.id,
    ];
    const { id } = (await owner.post('contacts', { first_name: 'Ada', company_id: a })).body;
    await owner.patch(`contacts/${id}`, { company_id: b });
    const { rows } = await app.database.owner.query(
      `select e.type, array_agg(s.subject_id::text order by s.subject_id) as about from events e
       join event_subjects s on s.workspace_id = e.workspace_id and s.event_id = e.id
       where e.subject_id = $1 group by e.type, e.seq order by e.seq`,
      [id],
    );
    expect(rows).toEqual([
      { type: 'contact.created', about: [a] },
      { type: 'contact.updated', about: [a, b].sort((x, y) => (x < y ? -1 : 1)) },
    ]);
  });
});

describe('addresses', () => {
  it('adds one under the lock of the contact, also when many come at once', async () => {
    const { id } = (await owner.post('contacts', { email: 'first@example.com' })).body;
    const url = `contacts/${id}/channels`;
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => owner.post(url, { kind: 'email', value: `N${index}@Example.com` })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const primary = await owner.post(url, { kind: 'email', value: 'n3@example.com', label: 'new', is_primary: true });
    expect([primary.body.email, primary.body.channels.length]).toEqual(['n3@example.com', 11]);
    expect(primary.body.channels[0]).toEqual({ kind: 'email', value: 'n3@example.com', label: 'new' });
    expect((await owner.get('contacts?email=n7@example.com')).body.items).toHaveLength(1);
    expect((await owner.post(url, { kind: 'email', value: 'bad' })).status).toBe(422);
    expect((await owner.post(url, { kind: 'fax', value: '1' })).status).toBe(422);
    expect((await viewer.post(url, { kind: 'email', value: 'x@example.com' })).status).toBe(403);
    expect((await app.anonymous.post(url, { kind: 'email', value: 'x@example.com' })).status).toBe(401);
    expect((await owner.post(`contacts/${randomUUID()}/channels`, { kind: 'im', value: 'x' })).status).toBe(404);
    for (let index = 11; index < 50; index++) await owner.post(url, { kind: 'im', value: `i${index}` });
    expect((await owner.post(url, { kind: 'im', value: 'one too many' })).status).toBe(422);
  });

  it('keeps lookup keys in step with addresses, by the same rule as the code', async () => {
    const { id } = (
      await owner.post('contacts', {
        channels: [
          { kind: 'email', value: 'Zoë@Bücher.example' },
          { kind: 'phone', value: '+41 44 668 18 00 ext. 12' },
          { kind: 'phone', value: 'call 12-34' },
          { kind: 'url', value: 'www.Example.com/a/?x=1#top' },
          { kind: 'address', value: 'Baker Street' },
        ],
      })
    ).body;
    const keys = async () =>
      (
        await app.database.owner.query('select kind, key from lookup_keys where subject_id = $1 order by kind, key', [
          id,
        ])
      ).rows;
    expect(await keys()).toEqual([
      { kind: 'email', key: 'zoë@xn--bcher-kva.example' },
      { kind: 'phone', key: '1234' },
      { kind: 'phone', key: '41446681800' },
      { kind: 'url', key: 'example.com/a/?x=1' },
    ]);
    await owner.patch(`contacts/${id}`, { channels: [{ kind: 'phone', value: 'call 12-34' }], first_name: 'Zoë' });
    expect(await keys()).toEqual([{ kind: 'phone', key: '1234' }]);
    await owner.delete(`contacts/${id}`);
    expect(await keys()).toEqual([]);
    await owner.post(`contacts/${id}/restore`);
    expect(await keys()).toEqual([{ kind: 'phone', key: '1234' }]);
  });

  it('reads phone numbers by the region of the workspace', async () => {
    const workspace = await app.newWorkspace();
    await app.database.owner.query(`update workspaces set settings = '{"default_region": "CH"}' where id = $1`, [
      workspace.id,
    ]);
    const { body } = await workspace.owner.post('contacts', { phone: '044 668 18 00' });
    expect(body.phone).toBe('+41446681800');
    expect((await workspace.owner.get('contacts?phone=044%20668%201800')).body.items).toHaveLength(1);
  });

  it('wants some identity, on create and after a patch', async () => {
    expect((await owner.post('contacts', { title: 'Nobody' })).status).toBe(422);
    const { id } = (await owner.post('contacts', { first_name: 'Ada' })).body;
    expect((await owner.patch(`contacts/${id}`, { first_name: null })).status).toBe(422);
    expect(
      (await owner.post('contacts', { email: 'a@example.com', channels: [{ kind: 'email', value: 'b@example.com' }] }))
        .status,
    ).toBe(422);
  });
});
