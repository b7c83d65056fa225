import { v7 as uuidv7 } from 'uuid';
import { Client } from 'pg';
import type { Statement } from '../../src/platform/database/statement.js';
import { openSearchRoom, type SearchRoom } from '../platform/search/search-room.js';

/** The doors must reach the index although row-level security stands; a plan that reads the workspace is a bug. */
const workspace = uuidv7();
const DOCUMENTS = 20_000;
const rare = uuidv7();

let room: SearchRoom;
let client: Client;
const notices: string[] = [];

beforeAll(async () => {
  room = await openSearchRoom();
  const words = 'analytical difference engine loom punched card number store mill operation'.split(' ');
  for (let batch = 0; batch < DOCUMENTS; batch += 2_000) {
    const documents = Array.from({ length: 2_000 }, (_, index) => ({
      id: batch + index === 12_345 ? rare : uuidv7(),
      document: {
        title: `Note ${batch + index}`,
        text: `${words[index % 10]} ${words[(index * 7) % 10]} n${index} ${batch + index === 12_345 ? 'zeppelin' : ''}`,
        anchors: [`contact/${(batch + index) % 1_000}`],
        tags: index % 500 === 0 ? ['vip'] : [],
        created_at: new Date(1_700_000_000_000 + (batch + index) * 1_000).toISOString(),
      },
    }));
    await room.as(workspace, () => room.database.transaction(() => room.search.putAll('note', documents)));
  }
  await room.server.owner.query('vacuum analyze search_documents');
  // auto_explain needs a superuser to be loaded; from then on everything runs as the application role.
  client = new Client({ connectionString: room.server.owner_url });
  await client.connect();
  client.on('notice', (notice) => notices.push(String(notice.message)));
  await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
    set auto_explain.log_level = 'warning'; set auto_explain.log_format = 'text'`);
  await client.query("select set_config('app.workspace_id', $1, false)", [workspace]);
  await client.query('set session authorization engawa_app');
}, 60_000);
afterAll(async () => {
  await client.end();
  await room.close();
});

/** The plans of every statement that ran inside. */
async function plansOf(statement: Statement): Promise<string> {
  notices.length = 0;
  await client.query(statement.text, statement.values as unknown[]);
  return notices.join('\n');
}

const listed = async (q: string, order: 'rank' | 'created_at', tags?: string[]): Promise<Statement> => {
  const request = { kind: 'note', q, order, limit: 50, ...(tags && { tags }) };
  const source = await room.as(workspace, () => room.search.matches(request));
  return { text: `select * from ${source.text}`, values: source.values };
};

const byWords =
  /Bitmap Index Scan on search_documents_tsv_idx[^\n]*\n\s*Index Cond: \(\(workspace_id = '[^']+'::uuid\) AND \(tsv @@/;

it.each(['rank', 'created_at'] as const)('a list by %s scans the index of words', async (order) => {
  const plans = await plansOf(await listed('zeppelin', order));
  expect(plans).toMatch(byWords);
  expect(plans).not.toContain('Seq Scan on search_documents');
});

it('recall scans the index of words', async () => {
  const plans = await plansOf({
    text: `select * from app.search_text('any', 'pg_catalog.english', 'where is the zeppelin?', null, null, null, null, null,
      null, null, null, 'rank', null, null, null, 60)`,
    values: [],
  });
  expect(plans).toMatch(byWords);
  expect(plans).not.toContain('Seq Scan on search_documents');
});

it('a list of a common word, newest first, stops when the page is full', async () => {
  const plans = await plansOf(await listed('note', 'created_at'));
  expect(plans).toContain('Index Scan using search_documents_created_at_idx');
  expect(plans).not.toContain('Sort Key');
});

it('titles, anchors and tags have their indices', async () => {
  const titles = await plansOf({
    text: "select * from app.search_titles('Note 12354', 0.3, null, null, null, null, null, null, 60)",
    values: [],
  });
  expect(titles).toContain('Bitmap Index Scan on search_documents_title_idx');
  const anchors = await plansOf({
    text: "select * from app.search_anchors('{contact/7}', 'pg_catalog.english', 'engine', null, null, null, null, null, null, 60)",
    values: [],
  });
  expect(anchors).toContain('Bitmap Index Scan on search_documents_anchors_idx');
  expect(await plansOf(await listed('', 'created_at', ['vip']))).toContain(
    'Bitmap Index Scan on search_documents_tags_idx',
  );
});

it(`a rare word among ${DOCUMENTS} documents is found by both doors`, async () => {
  const page = await room.as(workspace, () =>
    room.search.page({ kind: 'note', q: 'zeppelin', order: 'rank', limit: 50 }),
  );
  expect(page.ids).toEqual([rare]);
  const [best] = await room.as(workspace, () => room.search.recall({ query: 'a zeppelin', limit: 5 }));
  expect(best?.id).toBe(rare);
});
