import fc from 'fast-check';
import { parseTags, splitTags, uniteTags } from './tags.js';

describe('tags', () => {
  it('keeps the first spelling of case variants, in order', () => {
    expect(parseTags([' VIP ', 'lead', 'vip', 'LEAD', 'É', 'e\u0301'])).toEqual({
      ok: true,
      value: ['VIP', 'lead', 'É'],
    });
  });

  it.each([
    [['ok', ' '], 1],
    [['a'.repeat(65)], 0],
    [Array.from({ length: 101 }, (_, number) => `t${number}`), null],
  ])('refuses a bad list and names the element', (list, index) => {
    expect(parseTags(list)).toEqual({ ok: false, detail: expect.stringMatching(/\.$/), index });
  });

  it('counts 64 emoji as 64 characters', () => {
    expect(parseTags(['😀'.repeat(64)]).ok).toBe(true);
  });

  it('splits a cell at comma, semicolon and bar', () => {
    expect(splitTags(' a; b ,c|d;; ')).toEqual(['a', 'b', 'c', 'd']);
  });

  it('unites lists as one reading of both would', () => {
    expect(uniteTags(['VIP'], ['vip', 'new'])).toEqual(['VIP', 'new']);
  });

  it('never throws, and a normal list stays as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (list) => {
        const first = parseTags(list);
        if (!first.ok) return;
        expect(parseTags(first.value)).toEqual({ ok: true, value: first.value });
        expect(
          uniteTags(
            first.value,
            list.map((tag) => tag.normalize('NFC').trim()),
          ),
        ).toEqual(expect.arrayContaining([...first.value]));
      }),
    );
  });
});
