import fc from 'fast-check';
import { nearestName } from './nearest-name.js';

describe('nearestName', () => {
  it('finds what was meant, and nothing when nothing is near', () => {
    const known = ['first_name', 'last_name', 'title', 'tags'];
    expect(nearestName('frist_name', known)).toBe('first_name');
    expect(nearestName('LastName', known)).toBe('last_name');
    expect(nearestName('tag', known)).toBe('tags');
    expect(nearestName('shoe size', known)).toBeUndefined();
    expect(nearestName('', known)).toBeUndefined();
  });

  it('finds every name itself', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1 }), (names) => {
        const name = names[0] ?? '';
        expect(nearestName(name, names)?.toLowerCase()).toBe(name.toLowerCase());
      }),
    );
  });
});
