import fc from 'fast-check';
import { openCsv, type CsvOptions } from './read-csv.js';
import type { SourceRecord } from './source-record.js';

async function read(text: string | string[], options: CsvOptions = {}) {
  const { layout, records } = await openCsv(typeof text === 'string' ? [text] : text, options);
  const rows: SourceRecord[] = [];
  for await (const record of records) rows.push(record);
  return { layout, rows, cells: rows.map((row) => row.cells) };
}

const codes = (row: SourceRecord | undefined): string[] => (row?.diagnostics ?? []).map((found) => found.code);

describe('openCsv finds the layout', () => {
  it.each([',', ';', '\t', '|'])('delimiter %j', async (delimiter) => {
    const { layout, cells } = await read(`First Name${delimiter}E-mail\nAda${delimiter}a@x.org\n`);
    expect(layout).toMatchObject({ delimiter, columns: ['First Name', 'E-mail'], header_line: 1 });
    expect(cells).toEqual([['Ada', 'a@x.org']]);
  });

  it('prefers the delimiter that gives known headers to the one that occurs more often', async () => {
    const { layout } = await read('Vorname;Nachname;Umsatz, netto, EUR\nA;B;1,5,0\nC;D;2,5,0\n');
    expect(layout.delimiter).toBe(';');
  });

  it('takes the steadiest column count when no header is known', async () => {
    const { layout } = await read('k1;k2\n"1,5";2,3\n2,7;3\n4;5\n');
    expect(layout).toMatchObject({ delimiter: ';', columns: ['k1', 'k2'] });
    expect(layout.diagnostics.map((found) => found.code)).toEqual(['header-guessed']);
  });

  it('obeys sep= on the first line, and counts it as a line', async () => {
    const { layout, rows } = await read('sep=;\r\nName;Email\r\nAda, L;a@x.org\r\n');
    expect(layout).toMatchObject({ delimiter: ';', header_line: 2 });
    expect(rows[0]).toMatchObject({ row: 1, line: 3, cells: ['Ada, L', 'a@x.org'] });
  });

  it('skips a preamble and says so', async () => {
    const text = 'Notes:\n"Some e-mail addresses, perhaps\nmost, are missing."\n\nFirst Name,Last Name,URL\nAda,L,x\n';
    const { layout, rows } = await read(text);
    expect(layout).toMatchObject({ header_line: 5, columns: ['First Name', 'Last Name', 'URL'] });
    expect(layout.diagnostics[0]).toMatchObject({ level: 'info', code: 'preamble-skipped', line: 5 });
    expect(rows[0]).toMatchObject({ row: 1, line: 6 });
  });

  it('counts the columns that a mapping names as known', async () => {
    const { layout } = await read('made by X\nfoo,bar\n1,2\n', { known_columns: ['foo', 'bar'] });
    expect(layout.columns).toEqual(['foo', 'bar']);
  });

  it('reads without header when told so', async () => {
    const { layout, cells } = await read('Ada,a@x.org\nBob,b@x.org\n', { has_header: false });
    expect(layout).toMatchObject({ columns: ['Column 1', 'Column 2'], header_line: null });
    expect(cells).toHaveLength(2);
    expect((await read('First Name,Email\nAda,a\n', { has_header: false })).cells).toHaveLength(2);
  });

  it('gives duplicate and empty headers names of their own', async () => {
    const { layout } = await read('Email,Phone,Email,,Email,Email (2)\n');
    expect(layout.columns).toEqual(['Email', 'Phone', 'Email (3)', 'Column 4', 'Email (4)', 'Email (2)']);
    expect((await read('Email,Phone,Email\n')).layout.columns).toEqual(['Email', 'Phone', 'Email (2)']);
  });

  it('refuses more than 1,000 columns', async () => {
    const { layout } = await read(`${Array.from({ length: 1001 }, (_, index) => `c${index}`).join(',')}\n`);
    expect(layout.diagnostics.at(-1)).toMatchObject({ level: 'error', code: 'unreadable-payload' });
  });

  it('reads a header that is longer than the first look', async () => {
    const names = Array.from({ length: 900 }, (_, index) => `${'x'.repeat(100)}${index}`);
    const { layout, cells } = await read(`${names.join(',')}\n${names.map(() => '1').join(',')}\n`);
    expect(layout.columns).toEqual(names);
    expect(cells).toHaveLength(1);
  });

  it.each(['', '\uFEFF', '\n\n'])('an empty file %j has no columns and no rows', async (text) => {
    expect(await read(text)).toMatchObject({ layout: { columns: [] }, rows: [] });
  });
});

describe('openCsv reads rows', () => {
  it('numbers rows from 1 and lines as an editor does, blank lines not being rows', async () => {
    const { rows } = await read('First Name,Email\r\n"A\r\nd",a\r\n\r\nB,b\r\n');
    expect(rows.map(({ row, line }) => [row, line])).toEqual([
      [1, 2],
      [2, 5],
    ]);
  });

  it('fills a short row and warns', async () => {
    const { rows } = await read('First Name,Email,Phone\nAda\n');
    expect(rows[0]?.cells).toEqual(['Ada', '', '']);
    expect(rows[0]?.diagnostics).toMatchObject([{ level: 'warning', code: 'short-row', row: 1, line: 2 }]);
  });

  it('ignores extra cells only when they are empty', async () => {
    const { rows } = await read('First Name,Email\nAda,a,, \nBob,b,,surplus\n');
    expect(rows[0]).toMatchObject({ cells: ['Ada', 'a'], diagnostics: [] });
    expect(rows[1]?.diagnostics).toMatchObject([{ level: 'error', code: 'too-many-cells', row: 2, value: 'surplus' }]);
  });

  it('names the line of an unclosed quote and goes on at the next line', async () => {
    const { rows } = await read('First Name,Email\nAda,a\nBob,"b\nCy,"c, d"\nDee,d\n');
    expect(rows.map((row) => row.cells[0])).toEqual(['Ada', 'Bob', 'Cy', 'Dee']);
    expect(rows[1]?.diagnostics).toMatchObject([{ level: 'error', code: 'unclosed-quote', row: 2, line: 3 }]);
    expect(rows[2]).toMatchObject({ row: 3, line: 4, cells: ['Cy', 'c, d'], diagnostics: [] });
  });

  it('does so at the end of the file, too, and when the quote stands on a later line of its row', async () => {
    const { rows } = await read('First Name,Email,Phone\nAda,"a\nb","c\nBob,b,1');
    expect(rows[0]?.diagnostics).toMatchObject([{ code: 'unclosed-quote', row: 1, line: 3 }]);
    expect(rows[1]).toMatchObject({ row: 2, line: 4, cells: ['Bob', 'b', '1'] });
  });

  it('gives up a quoted cell after 1 MiB, whatever follows', async () => {
    const tail = Array.from({ length: 60_000 }, (_, index) => `name ${index},mail ${index} at x.org\n`);
    const { rows } = await read(['First Name,Email\n', '"open,1\n', ...tail]);
    expect(codes(rows[0])).toEqual(['unclosed-quote']);
    expect(rows).toHaveLength(60_001);
    expect(rows[60_000]).toMatchObject({ line: 60_002, cells: ['name 59999', 'mail 59999 at x.org'] });
  });

  it('refuses a cell above 1 MiB and a record above 8 MiB, and reads the next row', async () => {
    const big = 'x'.repeat(1024 * 1024);
    const cell = await read(`First Name,Email\n${big}y,a\nBob,b\n`);
    expect(cell.rows.map(codes)).toEqual([['cell-too-large'], []]);
    const record = await read(['First Name,Email\n', ...Array.from({ length: 9 }, () => `${big},`), '\r\nBob,b\r\n']);
    expect(record.rows.map(codes)).toEqual([['record-too-large'], []]);
    expect(record.rows[1]).toMatchObject({ row: 2, line: 3, cells: ['Bob', 'b'] });
  });

  it('warns of characters that could not be decoded, in the row and column where they are', async () => {
    const { rows } = await read('First Name,Email\nAda,a\nB\uFFFDb,b\n');
    expect(codes(rows[0])).toEqual([]);
    expect(rows[1]?.diagnostics).toMatchObject([
      { level: 'warning', code: 'unreadable-characters', row: 2, column: 'First Name', value: 'B\uFFFDb' },
    ]);
  });

  it('resumes at any row with the numbers of a whole reading', async () => {
    const text = 'First Name,Email\nAda,a\nBob,"b\nCy,"c\n d"\n\nDee,d,e\nEve\n';
    const whole = (await read(text)).rows;
    for (let skip = 0; skip <= whole.length; skip++) {
      expect((await read(text, { skip })).rows).toEqual(whole.slice(skip));
    }
  });

  it('stops asking the source when the reader stops', async () => {
    let isClosed = false;
    async function* source() {
      try {
        for (;;) yield 'First Name,Email\nAda,a\n'.repeat(10_000);
      } finally {
        isClosed = true;
      }
    }
    const { records } = await openCsv(source());
    for await (const record of records) if (record.row === 5) break;
    expect(isClosed).toBe(true);
  });
});

describe('openCsv holds for any input', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('"', ',', ';', '\n', '\r', ' ', 'a', '\t', '|') }),
  );

  it('round trip: what a CSV writer wrote is read exactly, in whatever chunks it comes', async () => {
    const tables = fc.integer({ min: 1, max: 6 }).chain((width) =>
      fc.record({
        rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 20 }),
        delimiter: fc.constantFrom(',', ';', '\t', '|'),
        lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
        isQuotedAlways: fc.boolean(),
        chunk: fc.integer({ min: 1, max: 50 }),
        width: fc.constant(width),
      }),
    );
    await fc.assert(
      fc.asyncProperty(tables, async ({ rows, delimiter, lineEnd, isQuotedAlways, chunk, width }) => {
        const write = (value: string): string =>
          isQuotedAlways || value === '' || /[",;\t|\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
        const columns = Array.from({ length: width }, (_, index) => `h${index}`);
        const text = [columns, ...rows].map((row) => row.map(write).join(delimiter) + lineEnd).join('');
        const chunks = [];
        for (let at = 0; at < text.length; at += chunk) chunks.push(text.slice(at, at + chunk));
        const { cells, layout } = await read(chunks, { delimiter });
        expect(layout.columns).toEqual(columns);
        expect(cells).toEqual(rows);
      }),
    );
  });

  it('random text never throws, and every row is numbered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { maxLength: 30 }), async (chunks) => {
        const { rows } = await read(chunks);
        expect(rows.map(({ row }) => row)).toEqual(rows.map((_, index) => index + 1));
      }),
    );
  });

  it('is linear where every line opens a quote that nothing closes', async () => {
    const hostile = '""a\n'.repeat(300_000); // 1.2 MB; trying 1 MiB for each line would be 300 GB
    const started = process.cpuUsage(); // not the clock: other tests run beside this one
    const { rows } = await read(['First Name,Email\n', hostile]);
    expect(rows.length).toBeGreaterThan(290_000);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(15_000);
  });
});
