import { v7 as uuidv7 } from 'uuid';
import type { SearchDocument } from '../../../src/platform/search/search-document.js';
import type { SearchPage, SearchPageRequest, SearchPosition } from '../../../src/platform/search/search.js';
import { SearchLanguages } from '../../../src/platform/search/search-languages.js';
import { openSearchRoom, type SearchRoom } from './search-room.js';

const workspace = uuidv7();
const german = uuidv7();
const nonsense = uuidv7();

class Languages extends SearchLanguages {
  languageOf(workspace_id: string): string | Promise<string> {
    return workspace_id === german ? Promise.resolve('german') : workspace_id === nonsense ? 'klingon' : 'english';
  }
}

let room: SearchRoom;
beforeAll(async () => {
  room = await openSearchRoom(new Languages());
});
afterAll(() => room.close());
beforeEach(() => room.server.owner.query('truncate search_documents'));

const at = (second: number): string => new Date(Date.UTC(2026, 10, 21, 10, 0, second)).toISOString();

async function put(
  document: Partial<SearchDocument>,
  kind = 'contact',
  into = workspace,
  user?: string,
): Promise<string> {
  const id = uuidv7();
  await room.as(
    into,
    () => room.database.transaction(() => room.search.put(kind, id, { text: '', created_at: at(0), ...document })),
    user,
  );
  return id;
}

const list = (q: string, request: Partial<SearchPageRequest> = {}, within = workspace) =>
  room.as(within, async () => {
    const page = await room.search.page({ kind: 'contact', q, order: 'created_at', limit: 50, ...request });
    return page.ids;
  });

const recall = (query: string, within = workspace) =>
  room.as(within, async () => (await room.search.recall({ query, limit: 60 })).map(({ id }) => id));

describe('writing', () => {
  it('finds what was put by the next request, and not what was rolled back', async () => {
    const id = await put({ title: 'Ada Lovelace', text: 'ada@example.com' });
    expect(await list('lovelace')).toEqual([id]);
    const undone = room.as(workspace, () =>
      room.database.transaction(async () => {
        await room.search.put('contact', uuidv7(), { title: 'Ghost Lovelace', text: '', created_at: at(1) });
        room.search.remove('contact', [id]);
        throw new Error('changed my mind');
      }),
    );
    await expect(undone).rejects.toThrow('changed my mind');
    expect(await list('lovelace')).toEqual([id]);
  });

  it('leaves nothing of a savepoint that was rolled back', async () => {
    await room.as(workspace, () =>
      room.database.transaction(async () => {
        await room.search.put('contact', uuidv7(), { title: 'Kept', text: 'shared', created_at: at(0) });
        await room.database
          .savepoint(async () => {
            await room.search.put('contact', uuidv7(), { title: 'Lost', text: 'shared', created_at: at(0) });
            throw new Error('not this one');
          })
          .catch(() => undefined);
      }),
    );
    expect(await list('shared')).toHaveLength(1);
    expect(await list('lost')).toEqual([]);
  });

  it('the last of several changes of one record in a transaction wins', async () => {
    const [kept, gone] = [uuidv7(), uuidv7()];
    const document = { text: 'engine', created_at: at(0) };
    await room.as(workspace, () =>
      room.database.transaction(async () => {
        room.search.remove('contact', [kept]);
        await room.search.put('contact', kept, { ...document, text: 'loom' });
        await room.search.put('contact', kept, document);
        await room.search.put('contact', gone, document);
        room.search.remove('contact', [gone]);
      }),
    );
    expect(await list('engine')).toEqual([kept]);
    expect(await list('loom')).toEqual([]);
    await room.as(workspace, () => room.database.transaction(async () => room.search.remove('contact', [kept])));
    expect(await list('engine')).toEqual([]);
  });

  it('does not write a document that did not change', async () => {
    const id = uuidv7();
    const document = { title: 'Ada', text: 'engine', tags: ['VIP'], anchors: ['company/1'], created_at: at(0) };
    const write = () =>
      room.as(workspace, () => room.database.transaction(() => room.search.put('contact', id, document)));
    const version = async () => (await room.server.owner.query('select xmin, ctid from search_documents')).rows;
    await write();
    const before = await version();
    await write();
    expect(await version()).toEqual(before);
  });

  it('writes a thousand documents in one statement, the same as one by one', async () => {
    const documents = Array.from({ length: 1_000 }, (_, index) => ({
      id: uuidv7(),
      document: {
        title: `Name ${index}`,
        text: `word${index}`,
        tags: ['a'],
        anchors: ['contact/x'],
        created_at: at(index),
      },
    }));
    await room.as(workspace, () => room.database.transaction(() => room.search.putAll('contact', documents)));
    expect(await list('word777')).toEqual([documents[777]?.id]);
    const [first] = documents;
    const before = (await room.server.owner.query('select ctid from search_documents where id = $1', [first?.id])).rows;
    await room.as(workspace, () =>
      room.database.transaction(() => room.search.put('contact', first!.id, first!.document)),
    );
    const after = (await room.server.owner.query('select ctid from search_documents where id = $1', [first?.id])).rows;
    expect(after).toEqual(before);
  });

  it.each([
    ['NUL and lone surrogates', 'x\u0000y \ud800 \udfff'],
    ['quotes and backslashes', `O'Brien \\ "quoted" & | ! ( ) <-> :*`],
    ['a megabyte of one word', 'a'.repeat(1_000_000)],
    ['distinct addresses', Array.from({ length: 60_000 }, (_, index) => `${index}.co/${index.toString(36)}`).join(' ')],
    ['distinct short words', Array.from({ length: 120_000 }, (_, index) => index.toString(36)).join(' ')],
    ['letters of every kind', String.fromCodePoint(...Array.from({ length: 30_000 }, (_, index) => index + 1))],
  ])('takes %s as text, title and query', async (_name, text) => {
    await put({ title: text, text, tags: [text.slice(0, 64)] });
    await expect(list(text)).resolves.toBeInstanceOf(Array);
    await expect(recall(text)).resolves.toBeInstanceOf(Array);
    await room.as(workspace, () => room.search.titles({ query: text, limit: 5 }));
  });

  it('concurrent writers of the same documents do not lock each other up', async () => {
    const ids = Array.from({ length: 200 }, () => uuidv7());
    const write = (round: number) =>
      room.as(workspace, () =>
        room.database.transaction(() =>
          room.search.putAll(
            'contact',
            (round % 2 ? ids : ids.toReversed()).map((id) => ({
              id,
              document: { text: `round${round}`, created_at: at(0) },
            })),
          ),
        ),
      );
    await Promise.all(Array.from({ length: 8 }, (_, round) => write(round)));
    const { rows } = await room.server.owner.query(
      'select count(*), count(distinct tsv) as versions from search_documents',
    );
    expect(rows).toEqual([{ count: 200, versions: 1 }]);
  });
});

describe('lists: every word', () => {
  it('matches by stem, by prefix and inside compounds', async () => {
    const id = await put({
      title: 'Ada Lovelace',
      text: 'She was running src/app/main.ts when DatabaseError came; ada@example.com',
    });
    const words = [
      'run',
      'runs',
      'lovel',
      'Lovelace running',
      'main.ts',
      'src/app',
      'database',
      'error',
      'example.com',
      'ADA@EXAMPLE.COM',
      'ada@exam',
    ];
    for (const q of words) expect([q, await list(q)]).toEqual([q, [id]]);
    for (const q of ['running absent', 'ovelace', '%', '_', 'main.js']) expect([q, await list(q)]).toEqual([q, []]);
  });

  it('keeps phrases in order and leaves exclusions out', async () => {
    const first = await put({ text: 'the difference engine was never built' });
    const second = await put({ text: 'an engine makes a difference' });
    expect(await list('"difference engine"')).toEqual([first]);
    expect((await list('difference engine')).toSorted()).toEqual([first, second].toSorted());
    expect(await list('engine -built')).toEqual([second]);
  });

  it('finds names that are stop words of the language', async () => {
    const will = await put({ title: 'Will Smith', text: '' });
    const other = await put({ title: 'Jane Smith', text: 'will come' });
    expect(await list('will')).toEqual([will]);
    expect(await list('will smith', { order: 'rank' })).toEqual(expect.arrayContaining([will, other]));
    expect(await list('the smith')).toHaveLength(2);
  });

  it('finds a Japanese word in mid-sentence, and Müller by either spelling', async () => {
    const japanese = await put({ text: '明日は東京で会議があります。' });
    const umlaut = await put({ title: 'Jörg Müller', text: '' });
    expect(await list('会議')).toEqual([japanese]);
    expect(await list('東京')).toEqual([japanese]);
    expect(await recall('会議')).toEqual([japanese]);
    expect(await list('muller')).toEqual([umlaut]);
    expect(await list('müller jorg')).toEqual([umlaut]);
  });

  it('finds the day on which something happened', async () => {
    const id = await put({ text: 'We met.', occurred_at: '2023-05-08T12:00:00.000Z' });
    expect(await list('May 2023')).toEqual([id]);
    expect(await list('June 2023')).toEqual([]);
  });

  it('stems in the language of the workspace, and not at all in one it does not know', async () => {
    const id = await put({ text: 'Häuser' }, 'contact', german);
    expect(await list('Haus', {}, german)).toEqual([id]);
    const plain = await put({ text: 'engines' }, 'contact', nonsense);
    expect(await list('engines', {}, nonsense)).toEqual([plain]);
    expect(await recall('engine', nonsense)).toEqual([]);
  });

  it('filters by tag in any case, project, kind and time, with words or without', async () => {
    const project_id = uuidv7();
    const id = await put({ text: 'engine', tags: ['VIP', 'Berlin'], project_id, occurred_at: at(30) });
    await put({ text: 'engine', tags: ['berlin'] });
    await put({ text: 'engine', tags: ['vip', 'berlin'] }, 'company');
    for (const q of ['', 'engine']) {
      expect(await list(q, { tags: ['vip', 'BERLIN'] })).toEqual([id]);
      expect(await list(q, { project_id })).toEqual([id]);
      expect(await list(q, { since: at(30), until: at(31) })).toEqual([id]);
      expect(await list(q, { until: at(30) })).toHaveLength(1);
      expect(await list(q)).toHaveLength(2);
    }
    const count = await room.as(workspace, () => room.search.count({ kind: 'contact', q: 'engine' }));
    expect(count).toBe(2);
  });

  it.each(['rank', 'created_at'] as const)('pages by %s without gap or repeat', async (order) => {
    const documents = Array.from({ length: 137 }, (_, index) => ({
      id: uuidv7(),
      // Many equal ranks and equal times, so that only the id decides.
      document: {
        text: `engine ${'loom '.repeat(index % 5)}${'engine '.repeat(index % 3)}`,
        created_at: at(index % 7),
      },
    }));
    await room.as(workspace, () => room.database.transaction(() => room.search.putAll('contact', documents)));
    const all = await list('engine', { order, limit: 500 });
    const seen: string[] = [];
    let after: SearchPosition | null = null;
    do {
      const position: SearchPosition | null = after;
      const page: SearchPage = await room.as(workspace, () =>
        room.search.page({
          kind: 'contact',
          q: 'engine',
          order,
          limit: 10,
          after: JSON.parse(JSON.stringify(position)) as typeof position,
        }),
      );
      seen.push(...page.ids);
      after = page.next;
    } while (after);
    expect(seen).toEqual(all);
    expect(seen.toSorted()).toEqual(documents.map(({ id }) => id).toSorted());
  });

  it('newest comes first by time, the title first by rank', async () => {
    const older = await put({ title: 'Engine', text: 'x', created_at: at(1) });
    const newer = await put({ title: 'Loom', text: 'an engine', created_at: at(2) });
    expect(await list('engine')).toEqual([newer, older]);
    expect(await list('engine', { order: 'rank' })).toEqual([older, newer]);
  });

  it('joins a statement of its owner', async () => {
    const id = await put({ text: 'engine' });
    const rows = await room.as(workspace, async () => {
      const source = await room.search.matches({ kind: 'contact', q: 'engine', order: 'created_at', limit: null }, 2);
      return room.database.read(() =>
        room.database.query(`select s.id, $1::text as note from ${source.text} s`, ['hello', ...source.values]),
      );
    });
    expect(rows).toEqual([{ id, note: 'hello' }]);
    const condition = await room.as(workspace, () => room.search.condition({ kind: 'contact', q: 'engine' }));
    expect(condition.text.match(/\?/g)).toHaveLength(condition.values.length);
  });
});

describe('recall: any word', () => {
  it('ranks a rare word above a common one, and does not need them all', async () => {
    for (let index = 0; index < 20; index++) await put({ text: `the meeting number ${index} about plans` });
    const rare = await put({ text: 'meeting with the zeppelin people' });
    const hits = await recall('What did the zeppelin builders say in the meeting?');
    expect(hits[0]).toBe(rare);
    expect(hits).toHaveLength(21);
    expect(await recall('the and of')).toEqual([]);
  });

  it('scores as BM25 does', async () => {
    const one = await put({ text: 'zebra apple' });
    await put({ text: 'apple pear plum fig' });
    const hits = await room.as(workspace, () => room.search.recall({ query: 'zebra apple', limit: 10 }));
    const idf = (df: number) => Math.log(1 + (2 - df + 0.5) / (df + 0.5));
    const weight = (length: number) => 2.2 / (1 + 1.2 * (0.25 + (0.75 * length) / 3));
    expect(hits.find(({ id }) => id === one)?.score).toBeCloseTo((idf(1) + idf(2)) * weight(2), 10);
  });

  it('finds a title with two letters swapped, as a whole or in part', async () => {
    const id = await put({ title: 'Ada Lovelace', text: '' });
    await put({ title: 'Charles Babbage', text: '' });
    for (const query of ['Ada Lovelcae', 'Lovelcae', 'ada lovelace']) {
      const hits = await room.as(workspace, () => room.search.titles({ query, limit: 10 }));
      expect(hits.map((hit) => hit.id)).toEqual([id]);
    }
  });

  it('gives what is about a record: answers first, then the newest', async () => {
    const anchors = ['contact/1'];
    const answer = await put({ text: 'she likes tea', anchors, created_at: at(1) }, 'note');
    const older = await put({ text: 'called', anchors, created_at: at(2) }, 'note');
    const newer = await put({ text: 'wrote', anchors: ['deal/9', ...anchors], created_at: at(3) }, 'note');
    await put({ text: 'she likes tea', anchors: ['contact/2'] }, 'note');
    const ask = (query?: string) =>
      room.as(workspace, async () =>
        (await room.search.anchored({ anchors, limit: 10, ...(query && { query }) })).map(({ id }) => id),
      );
    expect(await ask('what tea?')).toEqual([answer, newer, older]);
    expect(await ask()).toEqual([newer, older, answer]);
  });

  it('texts come from their owners, in the order of the hits, without those that are gone', async () => {
    room.search.registerKind({
      kind: 'poem',
      load: (ids) =>
        Promise.resolve(
          ids
            .slice(1)
            .toReversed()
            .map((id) => ({ id, title: null, text: `text of ${id}` })),
        ),
    });
    const hits = [1, 2, 3].map((score) => ({ kind: 'poem', id: uuidv7(), score }));
    const loaded = await room.search.load(hits);
    expect(loaded.map(({ id, score }) => [id, score])).toEqual(hits.slice(1).map(({ id, score }) => [id, score]));
    await expect(room.search.load([{ kind: 'unheard-of', id: uuidv7() }])).rejects.toThrow('nobody registered');
    expect(() => room.search.registerKind({ kind: 'poem', load: () => Promise.resolve([]) })).toThrow('twice');
  });
});
