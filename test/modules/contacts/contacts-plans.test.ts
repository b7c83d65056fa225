import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { type Caller, startTestApp, type TestApp } from '../../support/app.js';
import { sentDuring, type SentStatement } from './sent-statements.js';

const ROWS = 10_000;

let app: TestApp;
let owner: Caller;
let client: pg.Client;
let member: string;
let company: string;
beforeAll(async () => {
  app = await startTestApp();
  owner = app.workspace.owner;
  member = randomUUID();
  await app.database.owner.query('insert into users (id, email, name) values ($1, $2, $3)', [
    member,
    'm@example.com',
    'M',
  ]);
  const other = await app.newWorkspace();
  for (const workspace of [app.workspace.id, other.id]) {
    await app.database.owner.query(`insert into memberships (workspace_id, user_id, role) values ($1, $2, 'member')`, [
      workspace,
      member,
    ]);
    await app.database.owner.query(
      `insert into companies (workspace_id, name, domains, industry, employee_count, annual_revenue, external_id, owner_user_id, created_at, updated_at)
       select $1, 'Company ' || n, array['c' || n || '.example.com'], 'industry ' || n % 500, n, n, 'x' || n,
         case when n % 100 = 0 then $2::uuid end, now() - n * interval '1 minute', now() - n * interval '1 minute'
       from generate_series(1, ${ROWS}) as n`,
      [workspace, member],
    );
    await app.database.owner.query(
      `update companies set parent_company_id = (select id from companies where workspace_id = $1 and external_id = 'x1')
       where workspace_id = $1 and employee_count between 2 and 20`,
      [workspace],
    );
    await app.database.owner.query(
      `insert into contacts (workspace_id, first_name, last_name, channels, external_id, company_id, owner_user_id, created_at, updated_at)
       select $1, 'First ' || n % 700, 'Last ' || n,
         jsonb_build_array(jsonb_build_object('kind', 'email', 'value', 'p' || n || '@example.com'),
           jsonb_build_object('kind', 'phone', 'value', '+41446' || 100000 + n)),
         'x' || n, (select id from companies where workspace_id = $1 and external_id = 'x' || n % 1000 + 1),
         case when n % 100 = 0 then $2::uuid end, now() - n * interval '1 minute', now() - n * interval '1 minute'
       from generate_series(1, ${ROWS}) as n`,
      [workspace, member],
    );
  }
  await app.database.owner.query('analyze contacts, companies, lookup_keys, subjects');
  company = (await owner.get('companies?external_id=x5')).body.items[0].id;
  client = new pg.Client({ connectionString: app.database.urls.app });
  await client.connect();
}, 120_000);
afterAll(async () => {
  await client.end();
  await app.close();
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** The nodes of the plan that the application role gets in the workspace. */
async function nodesOf({ text, values }: SentStatement): Promise<Plan[]> {
  await client.query('begin');
  try {
    await client.query(`select set_config('app.workspace_id', $1, true)`, [app.workspace.id]);
    const { rows } = await client.query(`explain (format json) ${text}`, values as unknown[]);
    return flat(rows[0]['QUERY PLAN'][0].Plan);
  } finally {
    await client.query('rollback');
  }
}

function flat(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(flat)];
}

async function plansOf(path: string): Promise<Plan[]> {
  const sent = await sentDuring(async () => expect([path, (await owner.get(path)).status]).toEqual([path, 200]));
  const read = sent.filter(({ text }) => /^\s*select .* from (contacts|companies)/s.test(text));
  expect(read.length).toBeGreaterThan(0);
  return (await Promise.all(read.slice(0, 1).map(nodesOf))).flat();
}

const PAST = '2020-01-01T00:00:00Z';
const cases: readonly [string, RegExp][] = [
  ['contacts', /contacts_created_at_idx/],
  ['contacts?sort=created_at', /contacts_created_at_idx/],
  ['contacts?sort=-updated_at', /contacts_updated_at_idx/],
  ['contacts?sort=last_name', /contacts_last_name_idx/],
  ['contacts?sort=-first_name', /contacts_first_name_idx/],
  ['contacts?email=P77@example.com', /lookup_keys_/],
  ['contacts?phone=%2B41446100077', /lookup_keys_/],
  ['contacts?external_id=x77', /contacts_external_id_key/],
  ['contacts?external_id.in=x77,x78', /contacts_external_id_key/],
  ['contacts?company_id={company}', /contacts_company_id_idx/],
  ['contacts?owner_user_id={member}', /contacts_owner_user_id_idx|contacts_created_at_idx/],
  [`contacts?created_at.lt=${PAST}`, /contacts_created_at_idx/],
  [`contacts?updated_at.lt=${PAST}`, /contacts_updated_at_idx/],
  ['contacts?company_id.is_null=true', /contacts_company_id_idx/],
  ['contacts?owner_user_id.is_null=true', /contacts_/],
  ['contacts?external_id.is_null=true', /contacts_external_id_key/],
  ['contacts?include_deleted=true&external_id=x77', /contacts_external_id_key/],
  ['companies', /companies_created_at_idx/],
  ['companies?sort=name', /companies_name_idx/],
  ['companies?domain=WWW.c77.example.com', /lookup_keys_/],
  ['companies?external_id=x77', /companies_external_id_key/],
  ['companies?parent_company_id={company}', /companies_parent_company_id_idx/],
  ['companies?industry=industry%207', /companies_industry_idx|companies_created_at_idx/],
  ['companies?industry.is_null=true', /companies_industry_idx/],
  ['companies?employee_count.is_null=true', /companies_employee_count_idx/],
  ['companies?parent_company_id.is_null=true', /companies_/],
  ['companies?employee_count=77', /companies_employee_count_idx/],
  ['companies?employee_count.gt=9990', /companies_employee_count_idx/],
  ['companies?owner_user_id={member}', /companies_owner_user_id_idx|companies_created_at_idx/],
  [`companies?created_at.lt=${PAST}`, /companies_created_at_idx/],
  [`companies?updated_at.lt=${PAST}`, /companies_updated_at_idx/],
  ['companies?annual_revenue.gt=9990', /companies_/],
];

it.each(cases)('%s uses an index', async (path, index) => {
  const nodes = await plansOf(path.replace('{company}', company).replace('{member}', member));
  expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'])).toEqual([]);
  expect(nodes.map((node) => node['Index Name'] ?? '').join(' ')).toMatch(index);
});

it('goes on behind a page by the index that gives the order', async () => {
  for (const [sort, index] of [
    ['-created_at', 'contacts_created_at_idx'],
    ['-updated_at', 'contacts_updated_at_idx'],
    ['last_name', 'contacts_last_name_idx'],
    ['-first_name', 'contacts_first_name_idx'],
  ]) {
    const { body } = await owner.get(`contacts?sort=${sort}&limit=10`);
    const nodes = await plansOf(`contacts?sort=${sort}&limit=10&cursor=${body.next_cursor}`);
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
    expect(nodes.map((node) => node['Index Name'])).toContain(index);
  }
});

it('compares leakproof operators only, so that row-level security lets the index in', async () => {
  const { rows } = await app.database.owner.query(
    `select p.oid::regprocedure::text as name from pg_operator o join pg_proc p on p.oid = o.oprcode
     where not p.proleakproof and (o.oprname, o.oprleft, o.oprright) in (
       ('=', 'text'::regtype, 'text'::regtype), ('<', 'text'::regtype, 'text'::regtype),
       ('=', 'uuid'::regtype, 'uuid'::regtype), ('<', 'timestamptz'::regtype, 'timestamptz'::regtype),
       ('<', 'int4'::regtype, 'int8'::regtype), ('=', 'int4'::regtype, 'int8'::regtype))`,
  );
  expect(rows).toEqual([]);
});
