import fc from 'fast-check';
import { backoffMs } from './backoff.js';

it('doubles from five seconds and stops at fifteen minutes', () => {
  const waits = [1, 2, 3, 8, 9, 1_000].map((attempt) => backoffMs(attempt, 5_000, () => 0));
  expect(waits).toEqual([5_000, 10_000, 20_000, 640_000, 900_000, 900_000]);
});

it('adds at most a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), (attempt) => {
      const least = backoffMs(attempt, 5_000, () => 0);
      const wait = backoffMs(attempt);
      return wait >= least && wait <= least * 1.1;
    }),
  );
});
