import fc from 'fast-check';
import { firstSlice, grownSlice, marginMs, permitsToAsk } from './slice.js';

it('asks for one permit at a time up to a limit of 20', () => {
  for (let q = 1; q <= 20; q++) {
    expect(firstSlice(q)).toBe(1);
    expect(grownSlice(firstSlice(q), q)).toBe(1);
  }
});

it('starts with a twentieth, doubles, and never asks for more than a fifth or a quarter of the rest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 21, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (q, share) => {
      const left = Math.floor(q * share);
      for (let slice = firstSlice(q), i = 0; i < 5; i++, slice = grownSlice(slice, q)) {
        const asked = permitsToAsk(slice, q, left);
        expect(asked).toBeGreaterThanOrEqual(1);
        expect(asked).toBeLessThanOrEqual(Math.min(Math.floor(q / 5), Math.max(1, Math.ceil(left / 4))));
      }
    }),
  );
});

it('covers 800 ppm of drift until the end of the window', () => {
  for (const endsInMs of [0, 1, 999, 60_000, 2_678_400_000])
    expect(marginMs(endsInMs)).toBeGreaterThan(endsInMs * 0.0008);
  expect(marginMs(60_000)).toBe(50);
});
