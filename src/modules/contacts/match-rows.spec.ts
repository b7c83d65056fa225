import fc from 'fast-check';
import { type Candidate, MatchTable } from './match-rows.js';

const record = (id: string, given: Partial<Candidate> = {}): Candidate => ({
  id,
  external_id: null,
  is_deleted: false,
  merged_into: null,
  ...given,
});

it('prefers external_id to any natural key', () => {
  const table = new MatchTable<Candidate>();
  const [a, b] = [record('a', { external_id: 'x' }), record('b')];
  table.add(a, ['k']);
  table.add(b, ['k']);
  expect(table.match({ external_id: 'x', keys: ['k'] }, {})).toEqual({ kind: 'found', record: a, is_winner: false });
  expect(table.match({ external_id: null, keys: ['k'] }, {})).toEqual({ kind: 'ambiguous', ids: ['a', 'b'] });
});

it('takes a shared mailbox for somebody else when external ids differ', () => {
  const table = new MatchTable<Candidate>();
  table.add(record('a', { external_id: 'x' }), ['k']);
  expect(table.match({ external_id: 'y', keys: ['k'] }, {})).toEqual({ kind: 'none' });
  const b = record('b');
  table.add(b, ['k']);
  expect(table.match({ external_id: 'y', keys: ['k'] }, {})).toEqual({ kind: 'found', record: b, is_winner: false });
});

it('says that keys contradict one another only when asked to', () => {
  const table = new MatchTable<Candidate>();
  const a = record('a', { external_id: 'x' });
  table.add(a, ['own']);
  table.add(record('b'), ['k']);
  const row = { external_id: 'x', keys: ['k'] };
  expect(table.match(row, { on_ambiguous: 'fail' })).toEqual({ kind: 'ambiguous', ids: ['a', 'b'] });
  expect(table.match(row, { on_ambiguous: 'external_id' })).toEqual({ kind: 'found', record: a, is_winner: false });
  expect(table.match({ external_id: 'x', keys: ['new'] }, { on_ambiguous: 'fail' }).kind).toBe('found');
});

it('follows a merged record to its winner', () => {
  const table = new MatchTable<Candidate>();
  const winner = record('w');
  const loser = record('l', { external_id: 'x', is_deleted: true, merged_into: 'w' });
  table.add(loser, []);
  expect(table.match({ external_id: 'x', keys: [] }, {})).toEqual({ kind: 'deleted', record: loser });
  table.add(winner, []);
  expect(table.match({ external_id: 'x', keys: [] }, {})).toEqual({ kind: 'found', record: winner, is_winner: true });
});

it('finds the oldest record of a name, and one with keys only for a row without any', () => {
  const table = new MatchTable<Candidate>();
  const [young, old] = [record('2'), record('1')];
  table.add(young, [], 'acme');
  table.add(old, ['acme.com'], 'acme');
  expect(table.match({ external_id: null, keys: [], name_key: 'acme' }, {})).toMatchObject({ record: old });
  expect(table.match({ external_id: null, keys: ['other.com'], name_key: 'acme' }, {})).toMatchObject({
    record: young,
  });
  expect(table.match({ external_id: null, keys: ['acme.com'], name_key: 'acme' }, {})).toMatchObject({ record: old });
});

it('never finds a deleted record by a natural key, and one match at most', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const candidates = fc.uniqueArray(
    fc.record({ id: fc.uuid(), deleted: fc.boolean(), external: fc.option(fc.uuid()), keys: fc.array(key) }),
    { selector: ({ id }) => id },
  );
  fc.assert(
    fc.property(candidates, fc.array(key), (given, keys) => {
      const table = new MatchTable<Candidate>();
      for (const { id, deleted, external, keys: own } of given) {
        table.add(record(id, { is_deleted: deleted, external_id: external }), own);
      }
      const meant = given.filter((one) => !one.deleted && one.keys.some((own) => keys.includes(own)));
      const match = table.match({ external_id: null, keys }, {});
      expect(match.kind).toBe(meant.length === 0 ? 'none' : meant.length === 1 ? 'found' : 'ambiguous');
      if (match.kind === 'found') expect(match.record.id).toBe(meant[0]?.id);
    }),
  );
});
