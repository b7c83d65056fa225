import fc from 'fast-check';
import { readSearchQuery } from './search-query.js';
import {
  dateWords,
  MAX_TEXT_BYTES,
  MAX_TITLE_LENGTH,
  pieces,
  searchableTag,
  searchableText,
  searchableTitle,
  unmarked,
} from './searchable-text.js';

const anyText = fc.string({ unit: 'binary', maxLength: 400 });

describe('searchableText', () => {
  it('leaves plain words as they are', () => {
    expect(searchableText('Ada Lovelace, Countess. (Analytical engines!)')).toBe(
      'Ada Lovelace, Countess. (Analytical engines!)',
    );
  });

  it.each([
    ['see src/app/main.ts now', 'see src/app/main.ts now src app main ts'],
    ['DatabaseError', 'DatabaseError Database Error'],
    ['HTTPServer', 'HTTPServer HTTP Server'],
    ['ada.l@example.com', 'ada.l@example.com ada l example com'],
    ['snake_case #tag @name', 'snake_case #tag @name snake case'],
    ['Müller', 'Müller Muller'],
    ['ＡＢＣ', 'ABC'],
    ['soft\u00adhyphen', 'softhyphen'],
    ['nul\u0000byte', 'nul byte'],
    ['lone \ud800 surrogate', 'lone   surrogate'],
  ])('%j is indexed as %j', (text, indexed) => {
    expect(searchableText(text)).toBe(indexed);
  });

  it('cuts scripts without spaces into words', () => {
    expect(searchableText('明日は東京で会議があります。').split(/\s+/)).toEqual(
      expect.arrayContaining(['東京', '会議']),
    );
    expect(searchableText('ภาษาไทยสวย').trim().split(/\s+/).length).toBeGreaterThan(1);
    expect(searchableText('한국어 문장')).toBe('한국어 문장');
  });

  it('can always be stored, and never exceeds 256 KiB', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 2_000 }), (text, times) => {
        const indexed = searchableText(text.repeat(times));
        expect(Buffer.byteLength(indexed)).toBeLessThanOrEqual(MAX_TEXT_BYTES);
        expect(/[\0\p{Cs}]/u.test(indexed)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps every plain word of the text', () => {
    const words = fc.array(fc.stringMatching(/^[a-z0-9]{1,12}$/), { maxLength: 40 });
    fc.assert(
      fc.property(words, (list) => {
        expect(searchableText(list.join(' ')).split(' ')).toEqual(expect.arrayContaining(list));
      }),
    );
  });

  it('adds every part of a compound', () => {
    const parts = fc.array(fc.stringMatching(/^[a-z0-9]{1,12}$/), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(parts, fc.constantFrom('/', '.', '_', ':', '@', '#', '-'), (list, separator) => {
        expect(pieces(list.join(separator))).toEqual(list);
      }),
    );
  });

  it('ends in linear time on hostile text', () => {
    for (const unit of ['a.', 'aA', 'é', 'e\u0301', '\u0301', '漢', '"', '-', 'A', '@.', '\ufdfa']) {
      // Processor time: a busy machine must not fail it.
      const began = process.cpuUsage();
      searchableText(unit.repeat(400_000));
      readSearchQuery(unit.repeat(400_000));
      const { user, system } = process.cpuUsage(began);
      expect((user + system) / 1_000).toBeLessThan(2_000);
    }
  });
});

it('a title keeps at most 500 characters and no half of a pair', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const title = searchableTitle(text.repeat(20));
      expect(title.length).toBeLessThanOrEqual(MAX_TITLE_LENGTH);
      expect(/[\0\p{Cs}]/u.test(title)).toBe(false);
    }),
  );
});

it('only Latin letters lose their marks', () => {
  expect(unmarked('Łódź Señor')).toBe('Łodz Senor');
  expect(unmarked('がくせい й')).toBe('がくせい й');
});

it('tags are compared without regard to case and form', () => {
  expect(searchableTag(' ＶＩＰ ')).toBe('vip');
});

it('writes a day as people do', () => {
  expect(dateWords('2023-05-08T23:59:00.000Z')).toBe('8 May 2023');
  expect(dateWords('never')).toBe('');
});

describe('readSearchQuery', () => {
  it.each([
    ['Lovelace engine', ["'Lovelace':*", "'engine':*"], []],
    ['main.ts', ["'main.ts':* | 'main' & 'ts':*"], []],
    ['"analytical engine" -draft', ["'analytical' <-> 'engine'"], ["'draft'"]],
    ["O'Brien \\", ["'O''Brien':*"], []],
    ['% _', [], []],
    ['"unclosed phrase', ["'unclosed' <-> 'phrase'"], []],
  ])('%j', (text, required, excluded) => {
    expect(readSearchQuery(text)).toMatchObject({ required, excluded, is_empty: false });
  });

  it('tells nothing asked from nothing searchable', () => {
    expect(readSearchQuery(' \n ').is_empty).toBe(true);
    expect(readSearchQuery('%').is_empty).toBe(false);
  });
});
