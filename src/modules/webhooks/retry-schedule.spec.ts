import fc from 'fast-check';
import { WebhooksConfig } from '../../../config/webhooks-config.js';
import { attemptsOf, nextWaitMs, readWaits, RETRIES } from './retry-schedule.js';

const config = new WebhooksConfig();
const waits = { short_s: readWaits(config.retry_schedule_s), tail_s: readWaits(config.retry_tail_s) };

it('makes six attempts at 0, 2, 10, 40, 160 and 460 s, and thirteen in about three days', () => {
  expect(attemptsOf('short', waits)).toBe(6);
  expect(attemptsOf('long', waits)).toBe(13);
  const at = (retry: 'short' | 'long') => {
    let elapsed_s = 0;
    return Array.from({ length: attemptsOf(retry, waits) - 1 }, (_, made) => {
      elapsed_s += (nextWaitMs(retry, waits, made + 1, null, () => 0) ?? NaN) / 1_000;
      return elapsed_s;
    });
  };
  expect(at('short')).toEqual([2, 10, 40, 160, 460]);
  expect(at('long').at(-1)).toBeGreaterThan(3 * 86_400);
  expect(at('long').at(-1)).toBeLessThan(3.5 * 86_400);
});

it('waits at least as long as the schedule and at most a tenth longer, and ends after the last attempt', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...RETRIES),
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (retry, made, random) => {
        const wait_s = [...waits.short_s, ...(retry === 'long' ? waits.tail_s : [])][made - 1];
        const wait_ms = nextWaitMs(retry, waits, made, null, () => random);
        if (wait_s === undefined) return expect(wait_ms).toBeNull();
        expect(wait_ms).toBeGreaterThanOrEqual(wait_s * 1_000);
        return expect(wait_ms).toBeLessThanOrEqual(Math.ceil(wait_s * 1_100));
      },
    ),
  );
});

it('follows Retry-After when it is later than the schedule, within its bound', () => {
  const next = (retry: 'short' | 'long', retry_after_ms: number) =>
    nextWaitMs(retry, waits, 1, retry_after_ms, () => 0);
  expect(next('short', 60_000)).toBe(60_000);
  expect(next('short', 1_000)).toBe(2_000);
  expect(next('short', -5)).toBe(2_000);
  expect(next('short', 864_000_000)).toBe(3_600_000);
  expect(next('long', 864_000_000)).toBe(86_400_000);
});
