import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { SearchDocument } from '../../../src/platform/search/search-document.js';
import { openSearchRoom, type SearchRoom } from './search-room.js';

const [mine, theirs, ada, eve] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
const anchor = 'contact/1';

let room: SearchRoom;
beforeAll(async () => {
  room = await openSearchRoom();
});
afterAll(() => room.close());
beforeEach(() => room.server.owner.query('truncate search_documents'));

async function put(document: Partial<SearchDocument>, id = uuidv7()): Promise<string> {
  const full = {
    title: 'Secret engine',
    text: 'engine',
    anchors: [anchor],
    tags: ['vip'],
    created_at: '2026-11-21T10:00:00.000Z',
  };
  await room.as(mine, () => room.database.transaction(() => room.search.put('note', id, { ...full, ...document })));
  return id;
}

/** What every way in finds. */
async function everyArm(workspace: string, user = ada): Promise<string[][]> {
  const { search } = room;
  const found = await room.as(
    workspace,
    () =>
      Promise.all([
        search.page({ kind: 'note', q: 'engine', order: 'rank', limit: 10 }).then((page) => page.hits),
        search.page({ kind: 'note', q: 'engine', order: 'created_at', limit: 10 }).then((page) => page.hits),
        search.page({ kind: 'note', order: 'created_at', limit: 10 }).then((page) => page.hits),
        search.page({ kind: 'note', tags: ['vip'], order: 'rank', limit: 10 }).then((page) => page.hits),
        search.recall({ query: 'engine', limit: 10 }),
        search.titles({ query: 'Secret engine', limit: 10 }),
        search.anchored({ anchors: [anchor], limit: 10 }),
        search.anchored({ anchors: [anchor], query: 'engine', limit: 10 }),
      ]),
    user,
  );
  return found.map((hits) => hits.map(({ id }) => id));
}

const arms = 8;
const all = (...ids: string[]) => Array.from({ length: arms }, () => ids);

it('another workspace gets nothing by any arm', async () => {
  const id = await put({});
  expect(await everyArm(mine)).toEqual(all(id));
  expect(await everyArm(theirs)).toEqual(all());
});

it('the same id in two workspaces is two documents', async () => {
  const id = await put({});
  await room.as(theirs, () =>
    room.database.transaction(() =>
      room.search.put('note', id, { title: 'Other', text: 'loom', created_at: '2026-11-21T10:00:00.000Z' }),
    ),
  );
  await room.as(theirs, () => room.database.transaction(async () => room.search.remove('note', [id])));
  expect(await everyArm(mine)).toEqual(all(id));
});

it.each([
  ['hidden', { hidden: true }],
  ['no longer valid', { valid_until: '2020-01-01T00:00:00.000Z' }],
  ["another person's", { visibility: 'private', owner_id: eve }],
] as const)('what is %s is found by no arm', async (_why, document) => {
  await put(document);
  expect(await everyArm(mine)).toEqual(all());
});

it('the owner finds what is private', async () => {
  const id = await put({ visibility: 'private', owner_id: eve, valid_until: '2999-01-01T00:00:00.000Z' });
  expect(await everyArm(mine, eve)).toEqual(all(id));
});

it('a private document without an owner is refused', async () => {
  await expect(put({ visibility: 'private' })).rejects.toThrow('search_documents_owner_id_check');
});

it('a search without a workspace fails aloud', async () => {
  const client = new Client({ connectionString: room.server.urls.app });
  await client.connect();
  try {
    const asked = client.query("select * from app.search_titles('x', 0.3, null, null, null, null, null, null, 5)");
    await expect(asked).rejects.toThrow('no workspace is set');
  } finally {
    await client.end();
  }
});

it('only the application may call the doors, and their role owns nothing else', async () => {
  const { rows } = await room.server.owner.query<{ name: string; acl: string; owner: string }>(
    `select proname as name, proacl::text as acl, proowner::regrole::text as owner from pg_proc
     where prosecdef and (proowner = 'engawa_search'::regrole or proname like 'search%') order by proname`,
  );
  expect(rows.map(({ name, owner }) => [name, owner])).toEqual([
    ['search_anchors', 'engawa_search'],
    ['search_text', 'engawa_search'],
    ['search_titles', 'engawa_search'],
  ]);
  for (const { acl } of rows) expect(acl).toBe('{engawa_search=X/engawa_search,engawa_app=X/engawa_search}');
  const rights = await room.server.owner.query(
    `select has_schema_privilege('engawa_search', 'app', 'create') as creates,
       (select rolcanlogin or rolbypassrls or rolsuper from pg_roles where rolname = 'engawa_search') as is_mighty,
       (select array_agg(distinct table_name::text) from information_schema.role_table_grants where grantee = 'engawa_search') as tables`,
  );
  expect(rights.rows).toEqual([{ creates: false, is_mighty: false, tables: ['search_documents'] }]);
});
