import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Json } from '../../support/app.js';
import { startTestApp, type TestApp, type TestWorkspace } from '../../support/app.js';
import { GENERATIONS, type McpClient } from '../../support/mcp-clients.js';

let app: TestApp;
let stranger: TestWorkspace;
beforeAll(async () => {
  app = await startTestApp();
  stranger = await app.newWorkspace();
});
afterAll(() => app.close());

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, validateFormats: false });
const problemOf = (result: Json): Json => result._meta?.['engawa/problem'];

/** Arguments with which each tool works; `$contact` and `$company` stand for ids. A new tool adds its line. */
const VALID: Readonly<Record<string, object>> = {
  search_contacts: { query: 'lovelace', limit: 5 },
  get_contact: { contact_id: '$contact' },
  create_contact: { first_name: 'Grace', email: 'grace@example.com', tags: ['navy'], attributes: { rank: 1 } },
  update_contact: { contact_id: '$contact', updates: { title: 'Countess' } },
  delete_contact: { contact_id: '$contact' },
  search_companies: { domain: 'example.com' },
  get_company: { company_id: '$company' },
  create_company: {
    name: 'Difference Engines',
    domain: 'engines.example.com',
    annual_revenue: '12.5',
    currency: 'GBP',
  },
  ingest: { source: 'test', payload: 'First Name,Email\nAda,ada.ingest@example.com' },
  update_company: { company_id: '$company', updates: { industry: 'Machinery' } },
};
/** Tools that need what this test does not make; other tests call them. */
const ELSEWHERE = ['get_job', 'start_job'];

describe.each(GENERATIONS)('with the %s client', (generation, connect) => {
  let client: McpClient;
  let foreign: McpClient;
  beforeAll(async () => {
    client = await connect(app.url, app.workspace.owner.key);
    foreign = await connect(app.url, stranger.owner.key);
  });
  afterAll(() => Promise.all([client.close(), foreign.close()]));

  const specimens = async () => {
    const company = await client.call('create_company', { name: 'Analytical Engines', domain: 'example.com' });
    const contact = await client.call('create_contact', {
      first_name: 'Ada',
      last_name: 'Lovelace',
      company_id: company.structuredContent.id,
    });
    return { $contact: contact.structuredContent.id as string, $company: company.structuredContent.id as string };
  };
  const filled = (args: object, ids: Readonly<Record<string, string>>): Record<string, unknown> =>
    JSON.parse(JSON.stringify(args).replace(/\$(contact|company)/g, (name) => ids[name] ?? name));

  it('creates a contact and finds it, as REST does', async () => {
    const email = `ada.${generation}@example.com`;
    const created = await client.call('create_contact', { first_name: 'Ada', email: email.toUpperCase() });
    expect(created.isError).toBeFalsy();
    const { id } = created.structuredContent;
    const found = await client.call('search_contacts', { email });
    expect(found.structuredContent.items.map((item: Json) => item.id)).toEqual([id]);
    const { body } = await app.workspace.owner.get(`contacts/${id}`);
    expect(created.structuredContent).toEqual(body);
    const resource = await client.read(`crm://contact/${id}`);
    expect(JSON.parse(resource.contents[0].text)).toEqual(body);
    const { rows } = await app.database.owner.query('select type, via, actor_type from events where subject_id = $1', [
      id,
    ]);
    expect(rows).toEqual([{ type: 'contact.created', via: 'mcp', actor_type: 'api_key' }]);
  });

  it('answers every tool with what its schemas say', async () => {
    const tools = await client.tools();
    const unknown = tools.map((tool) => tool.name).filter((name) => !VALID[name] && !ELSEWHERE.includes(name));
    expect(unknown.map((name) => `add valid arguments for ${name}`)).toEqual([]);
    expect(tools.map((tool) => tool.name)).toEqual(expect.arrayContaining(Object.keys(VALID)));
    for (const [name, given] of Object.entries(VALID)) {
      const { inputSchema, outputSchema } = tools.find((tool) => tool.name === name);
      const args = filled(given, await specimens());
      const isTaken = ajv.compile(inputSchema);
      expect([name, isTaken(args), isTaken.errors]).toEqual([name, true, null]);
      const result = await client.call(name, args);
      expect([name, result.isError ?? false, result.content[0].text]).toEqual([name, false, result.content[0].text]);
      const isAnswer = ajv.compile(outputSchema);
      expect([name, isAnswer(result.structuredContent), isAnswer.errors]).toEqual([name, true, null]);
    }
  });

  it('answers a foreign id exactly like an unknown one, and changes nothing', async () => {
    const ids = await specimens();
    const before = await app.workspace.owner.get(`contacts/${ids.$contact}`);
    for (const [name, args] of Object.entries(VALID).filter(([, given]) => /\$/.test(JSON.stringify(given)))) {
      const unknown = { $contact: crypto.randomUUID(), $company: crypto.randomUUID() };
      const answers = [await foreign.call(name, filled(args, ids)), await foreign.call(name, filled(args, unknown))];
      const [ofForeign, ofUnknown] = answers.map((answer) => ({ ...problemOf(answer), instance: null }));
      expect([name, ofForeign]).toEqual([name, ofUnknown]);
      expect([name, ofForeign?.status]).toEqual([name, 404]);
    }
    for (const uri of [`crm://contact/${ids.$contact}`, `crm://company/${ids.$company}`, 'crm://contact/no-uuid']) {
      await expect(foreign.read(uri)).rejects.toMatchObject({ code: -32_602 });
    }
    expect((await app.workspace.owner.get(`contacts/${ids.$contact}`)).body).toEqual(before.body);
    const linked = await foreign.call('create_contact', { first_name: 'X', company_id: ids.$company });
    const random = await foreign.call('create_contact', { first_name: 'X', company_id: crypto.randomUUID() });
    expect({ ...problemOf(linked), instance: null }).toEqual({ ...problemOf(random), instance: null });
    expect(problemOf(linked).status).toBe(422);
  });

  it('lets update_contact change the fields of PATCH and no others', async () => {
    const { $contact: contact_id } = await specimens();
    for (const field of ['workspace_id', 'id', 'created_at', 'deleted_at', 'merged_into', '__proto__x']) {
      const refused = await client.call('update_contact', { contact_id, updates: { [field]: crypto.randomUUID() } });
      expect([field, problemOf(refused)?.errors?.[0]?.pointer]).toEqual([field, `/updates/${field}`]);
    }
    const wrong = await client.call('update_contact', { contact_id, updates: { email: 'no address' } });
    expect(problemOf(wrong).errors[0].pointer).toBe('/updates/email');
    const changed = await client.call('update_contact', {
      contact_id,
      updates: { title: 'Countess', last_name: null },
    });
    expect(changed.structuredContent).toMatchObject({ first_name: 'Ada', last_name: null, title: 'Countess' });
  });

  it('creates one contact for one idempotency_key, 20 times at once', async () => {
    const args = { first_name: 'Once', external_id: `once-${generation}`, idempotency_key: `once ${generation}` };
    const before = await client.call('search_contacts', { query: 'once' });
    const results = await Promise.all(Array.from({ length: 20 }, () => client.call('create_contact', args)));
    const made = results.filter((result) => !result.isError).map((result) => result.structuredContent.id as string);
    expect(new Set(made).size).toBe(1);
    for (const result of results.filter(({ isError }) => isError)) {
      expect(problemOf(result).type).toMatch(/request-under-way$/);
    }
    const { rows } = await app.database.owner.query('select id from contacts where external_id = $1', [
      args.external_id,
    ]);
    expect(rows).toEqual([{ id: made[0] }]);
    expect(before.structuredContent.items.length).toBeLessThanOrEqual(1);
  });

  it('deletes softly', async () => {
    const { $contact: contact_id } = await specimens();
    const deleted = await client.call('delete_contact', { contact_id });
    expect(deleted.structuredContent).toEqual({ contact_id, is_deleted: true });
    expect(problemOf(await client.call('get_contact', { contact_id })).status).toBe(404);
    expect((await app.workspace.owner.post(`contacts/${contact_id}/restore`)).status).toBe(200);
  });

  it('refuses a viewer who creates, and lists them nothing that writes', async () => {
    const viewer = await connect(app.url, (await app.workspace.key('viewer')).key);
    try {
      expect((await viewer.tools()).map((tool) => tool.name)).toEqual([
        'get_company',
        'get_contact',
        'get_job',
        'search_companies',
        'search_contacts',
      ]);
      expect(problemOf(await viewer.call('create_contact', { first_name: 'X' }))).toMatchObject({
        status: 403,
        required_permissions: ['contacts:write'],
      });
      expect((await viewer.call('search_contacts')).isError).toBeFalsy();
    } finally {
      await viewer.close();
    }
  });

  it('refuses a cursor of another list, and parameters that do not fit, by pointer', async () => {
    await specimens();
    await specimens();
    const page = await client.call('search_contacts', { limit: 1 });
    const { next_cursor: cursor } = page.structuredContent;
    expect(typeof cursor).toBe('string');
    const next = await client.call('search_contacts', { limit: 1, cursor });
    expect(next.structuredContent.items[0].id).not.toBe(page.structuredContent.items[0].id);
    for (const args of [{ cursor: 'nonsense' }, { cursor, email: 'ada@example.com' }]) {
      expect(problemOf(await client.call('search_contacts', args)).errors[0].pointer).toBe('/cursor');
    }
  });
});
