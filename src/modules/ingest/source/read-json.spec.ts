import fc from 'fast-check';
import { parseJson, type JsonNode } from './parse-json.js';
import { openJson } from './read-json.js';
import type { SourceRecord } from './source-record.js';

async function read(
  text: string | string[],
  options: { is_lines?: boolean; skip?: number } = {},
): Promise<SourceRecord[]> {
  const opening = await openJson(typeof text === 'string' ? [text] : text, options);
  if (!opening.ok) throw new Error(opening.error.message);
  const rows: SourceRecord[] = [];
  for await (const record of opening.records) rows.push(record);
  return rows;
}

const pairs = ({ columns, cells }: SourceRecord) =>
  Object.fromEntries(columns.map((column, index) => [column, cells[index]]));
const codes = (rows: SourceRecord[]) => rows.map((row) => row.diagnostics.map(({ code }) => code).join());

describe('openJson', () => {
  it.each([
    ['an array', '[{"a":"1"},\n{"a":"2"}]'],
    ['items', '{"next": {"x": [1]}, "items": [ {"a":"1"}\n, {"a":"2"} ], "count": 2}'],
    ['lines', '{"a":"1"}\n{"a":"2"}\n'],
  ])('%s', async (_, text) => {
    const rows = await read(text);
    expect(rows.map(pairs)).toEqual([{ a: '1' }, { a: '2' }]);
    expect(rows.map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(await read(text.split(''))).toEqual(rows);
    expect(await read(text, { skip: 1 })).toEqual(rows.slice(1));
  });

  it('one object, and nothing at all', async () => {
    expect((await read('\uFEFF {"a":\n {"b": null, "c": true}}')).map(pairs)).toEqual([{ 'a.c': 'true' }]);
    expect(await read(' \n')).toEqual([]);
    expect(await read('[]')).toEqual([]);
  });

  it('makes paths of nested values and reads numbers exactly', async () => {
    const [row] = await read(
      '[{"company":{"name":"A"},"emails":[{"value":"x"},{"value":"y"}],"tags":["p","q"],"n":12345678901234567890.10}]',
    );
    expect(row && pairs(row)).toEqual({
      'company.name': 'A',
      'emails[1].value': 'x',
      'emails[2].value': 'y',
      tags: ['p', 'q'],
      n: '12345678901234567890.10',
    });
  });

  it('reports a broken line or element alone', async () => {
    const lines = await read('{"a":1}\n{"a":\n{"a":3}\n7\n', { is_lines: true });
    expect(codes(lines)).toEqual(['', 'invalid-json', '', 'not-a-record']);
    expect(lines[1]?.diagnostics[0]).toMatchObject({ row: 2, line: 2 });
    const elements = await read('[{"a":1},{a:2},{"a":3,"a":4},{"__proto__":1},[5]]');
    expect(codes(elements)).toEqual(['', 'invalid-json', 'duplicate-key', 'refused-key', 'not-a-record']);
    expect(elements[2]?.cells).toEqual(['4']);
    expect(codes(await read('[{"a":1},{"a":'))).toEqual(['', 'invalid-json']);
    expect(codes(await read('[{"a":1} {"a":2}]'))).toEqual(['', 'invalid-json']);
  });

  it('counts a CR LF that two chunks share as one line end', async () => {
    const lead = ' '.repeat(64 * 1024 - 2);
    const rows = await read(['[', `${lead}\r`, '\n{"a":1}]']);
    expect(rows[0]?.line).toBe(2);
  });

  it('names line and column of what is no JSON', async () => {
    expect(await openJson(['\n  hello'])).toMatchObject({ ok: false, error: { code: 'unreadable-payload' } });
    const opening = await openJson(['\n  hello']);
    expect(opening.ok ? '' : opening.error.message).toContain('line 2, column 3');
  });

  it('never throws and ends, whatever the text', async () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', '\n', '\r', 'a', '1', ' ') }),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), async (written, isLines) => {
        const opening = await openJson([written.slice(0, 3), written.slice(3)], { is_lines: isLines });
        if (!opening.ok) return;
        let rows = 0;
        for await (const { row } of opening.records) expect(row).toBe(++rows);
        expect(rows).toBeLessThanOrEqual(written.length + 1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('parseJson', () => {
  const plain = (node: JsonNode): unknown =>
    node.kind === 'null'
      ? null
      : node.kind === 'text'
        ? node.text
        : node.kind === 'list'
          ? node.items.map(plain)
          : Object.fromEntries([...node.members].map(([key, member]) => [key, plain(member)]));
  const texts = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(texts)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, texts(member)]))
        : typeof value === 'number' || typeof value === 'boolean'
          ? JSON.stringify(value)
          : value;

  it('agrees with JSON.parse on every valid text, and on which are valid', () => {
    const refused = /__proto__|constructor|prototype/;
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 5 }),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', '\\', '1'),
        (text, cut, insert) => {
          fc.pre(!refused.test(text));
          const broken = text.slice(0, cut % (text.length + 1)) + insert + text.slice(cut % (text.length + 1));
          for (const candidate of [text, broken]) {
            let expected: unknown;
            let isValid = true;
            try {
              expected = JSON.parse(candidate);
            } catch {
              isValid = false;
            }
            const reading = parseJson(candidate);
            expect(reading.ok).toBe(isValid);
            if (reading.ok && candidate === text) expect(plain(reading.node)).toEqual(texts(expected));
          }
        },
      ),
    );
  });

  it('refuses more than 32 levels, and reads long strings', () => {
    expect(parseJson('['.repeat(100_000)).ok).toBe(false);
    const long = JSON.stringify('\n'.repeat(2_000_000));
    expect(parseJson(long)).toMatchObject({ ok: true });
    expect(parseJson(`${'['.repeat(30)}${']'.repeat(30)}`).ok).toBe(true);
  });
});
