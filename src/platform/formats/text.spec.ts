import fc from 'fast-check';
import { characterCount, cleanLine, cleanText, findUnstorable } from './text.js';

const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }),
    fc.constantFrom('\ud800', '\udc00', '\0', '\r\n', '\u0301', '\u2028', '\x85'),
  ),
});

describe('text', () => {
  it.each([
    ['plain', null],
    ['😀', null],
    ['a\0b', { offset: 1, what: 'nul' }],
    ['😀\ud83d!', { offset: 2, what: 'lone-surrogate' }],
    ['\ude00', { offset: 0, what: 'lone-surrogate' }],
  ])('findUnstorable(%j) is %j', (text, found) => {
    expect(findUnstorable(text)).toEqual(found);
  });

  it('finds something unstorable exactly when UTF-8 or PostgreSQL would lose it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const isStorable = Buffer.from(text, 'utf8').toString('utf8') === text && !text.includes('\0');
        expect(findUnstorable(text) === null).toBe(isStorable);
      }),
    );
  });

  it.each([
    ['  Ada ', 'Ada'],
    ['Ada\r\nLovelace', 'Ada Lovelace'],
    ['Ada\u0007', 'Ada'],
    ['e\u0001\u0301', 'é'],
    ['a\ud800', 'a\ufffd'],
    ['\ufeff \t', null],
    ['', null],
  ])('cleanLine(%j) is %j', (text, cleaned) => {
    expect(cleanLine(text)).toBe(cleaned);
  });

  it.each([
    ['a\r\nb\rc\u2028d', 'a\nb\nc\nd'],
    ['a\tb\u0000', 'a\tb'],
    ['\n', null],
  ])('cleanText(%j) is %j', (text, cleaned) => {
    expect(cleanText(text)).toBe(cleaned);
  });

  it('cleaning a clean text changes nothing, and what comes out can be stored', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(cleanLine, cleanText), (text, clean) => {
        const once = clean(text);
        if (once === null) return;
        expect(clean(once)).toBe(once);
        expect(findUnstorable(once)).toBeNull();
        expect(once.normalize('NFC')).toBe(once);
      }),
    );
  });

  it('counts characters, not UTF-16 units', () => {
    fc.assert(fc.property(anyText, (text) => expect(characterCount(text)).toBe(Array.from(text).length)));
  });
});
