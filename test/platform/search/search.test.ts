import { v7 as uuidv7 } from 'uuid';
import { openSearchRoom, type SearchRoom } from './search-room.js';

const created_at = '2026-11-21T10:00:00.000Z';
let room: SearchRoom;
beforeAll(async () => {
  room = await openSearchRoom();
});
afterAll(() => room.close());

it('finds what was put by the next transaction', async () => {
  const workspace = uuidv7();
  const id = uuidv7();
  await room.as(workspace, () =>
    room.database.transaction(() =>
      room.search.put('contact', id, { title: 'Ada Lovelace', text: 'ada@example.com', created_at }),
    ),
  );
  const page = await room.as(workspace, () =>
    room.search.page({ kind: 'contact', q: 'lovel', order: 'rank', limit: 10 }),
  );
  expect(page.ids).toEqual([id]);
  const hits = await room.as(workspace, () => room.search.recall({ query: 'who is ada?', limit: 10 }));
  expect(hits.map((hit) => hit.id)).toEqual([id]);
  const titles = await room.as(workspace, () => room.search.titles({ query: 'Ada Lovelcae', limit: 10 }));
  expect(titles.map((hit) => hit.id)).toEqual([id]);
});
