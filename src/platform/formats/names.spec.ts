import fc from 'fast-check';
import { matchingKey } from './names.js';

describe('matchingKey', () => {
  it.each([
    ['José  ÁLVAREZ ', 'jose alvarez'],
    ['ＡＤＡ', 'ada'],
    ['İstanbul', 'istanbul'],
    ['Nguyễn', 'nguyen'],
    ['ﬁn', 'fin'],
    ['', ''],
  ])('of %j is %j', (name, key) => {
    expect(matchingKey(name)).toBe(key);
  });

  it('of a key is the key, for each character there is', () => {
    const offenders: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const key = matchingKey(String.fromCodePoint(code));
      if (matchingKey(key) !== key) offenders.push(code.toString(16));
    }
    expect(offenders).toEqual([]);
  });

  it('of a key is the key, for any text, and does not depend on the normal form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const key = matchingKey(name);
        expect(matchingKey(key)).toBe(key);
        expect(matchingKey(name.normalize('NFD'))).toBe(key);
      }),
    );
  });
});
