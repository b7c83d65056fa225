import fc from 'fast-check';
import { countLineEnds, nextLineStart, scanRow } from './csv-scanner.js';

const rules = { delimiter: 0x2c, isEnd: true, isMultiline: true };

describe('scanRow', () => {
  it('cuts plain and quoted cells and finds the next row behind LF, CR LF and CR', () => {
    for (const lineEnd of ['\n', '\r\n', '\r']) {
      const row = scanRow(`a,"b ""x"", c",${lineEnd}next`, 0, rules);
      expect(row?.cells).toEqual(['a', 'b "x", c', '']);
      expect(row?.end).toBe(15 + lineEnd.length);
      expect(row?.lines).toBe(1);
    }
  });

  it('counts the lines inside a quoted cell', () => {
    expect(scanRow('"a\r\nb\rc\nd",e\n', 0, rules)).toMatchObject({ cells: ['a\r\nb\rc\nd', 'e'], lines: 4 });
  });

  it('asks for more when the row may go on beyond the text', () => {
    const open = { ...rules, isEnd: false };
    for (const text of ['a', 'a,', '"a', '"a"', '"a" ', 'a\r', '"a""']) expect(scanRow(text, 0, open)).toBeNull();
    expect(scanRow('a\n', 0, open)?.cells).toEqual(['a']);
  });

  it('keeps a quote that is not doubled on the line it stands in', () => {
    const row = scanRow('"say "hi" now",b\n', 0, rules);
    expect(row).toMatchObject({ cells: ['say "hi" now', 'b'], strayQuoteCell: 0, problem: undefined });
  });

  it('calls a quote unclosed when the next one opens another cell', () => {
    const row = scanRow('1,"ada\n2,"grace",x\n', 0, rules);
    expect(row?.problem).toMatchObject({ kind: 'unclosed-quote', line: 0, cell: 1, resumeSearch: 2 });
  });

  it('cuts at any point of any text without losing or repeating a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é') }), (text) => {
        let at = 0;
        let steps = 0;
        while (at < text.length) {
          const row = scanRow(text, at, rules);
          expect(row).not.toBeNull();
          const end = row?.problem?.kind === 'unclosed-quote' ? nextLineStart(text, at, true) : (row?.end ?? -1);
          expect(end).toBeGreaterThan(at);
          at = end;
          steps++;
        }
        expect(at).toBe(text.length);
        expect(steps).toBeLessThanOrEqual(countLineEnds(text, 0, text.length) + 1);
      }),
    );
  });
});
