import type { Verdict } from './decide-answer.js';
import { afterFailure, afterSuccess, type Health } from './endpoint-health.js';

const healthy: Health = { failing_since_ms: null, failed_attempts: 0, is_failing_told: false, in_flight_limit: null };
const verdict: Verdict = {
  outcome: 'failed',
  error: 'status-500',
  is_gone: false,
  is_overloaded: false,
  retry_after_ms: null,
};
const day_ms = 86_400_000;
const at = (now_ms: number, wait_ms: number | null = 2_000) => ({ wait_ms, now_ms, disable_after_ms: 5 * day_ms });

it('remembers when it began to fail, and forgets with the first success', () => {
  const once = afterFailure(healthy, verdict, at(1_000)).health;
  const twice = afterFailure(once, verdict, at(9_000)).health;
  expect(twice).toEqual({ ...healthy, failing_since_ms: 1_000, failed_attempts: 2 });
  expect(afterSuccess(twice, 8)).toMatchObject({ health: healthy, tells: null });
});

it('tells of failing once, at the first dead delivery, and of recovery only then', () => {
  const first = afterFailure(healthy, verdict, at(0, null));
  expect(first.tells).toBe('failing');
  expect(afterFailure(first.health, verdict, at(1, null)).tells).toBeNull();
  expect(afterSuccess(first.health, 8).tells).toBe('recovered');
});

it('is disabled after five days and twelve attempts, neither alone', () => {
  const failing = (failed_attempts: number) => ({ ...healthy, failing_since_ms: 0, failed_attempts });
  expect(afterFailure(failing(11), verdict, at(5 * day_ms)).disables).toBeNull();
  expect(afterFailure(failing(10), verdict, at(6 * day_ms)).disables).toBeNull();
  expect(afterFailure(failing(11), verdict, at(5 * day_ms + 1)).disables).toBe('failing');
  expect(afterFailure(healthy, { ...verdict, is_gone: true }, at(0, null)).disables).toBe('gone');
});

it('rests after an overload, then doubles its way back', () => {
  const overloaded = { ...verdict, is_overloaded: true };
  const rested = afterFailure(healthy, overloaded, at(0, 8_000));
  expect(rested).toMatchObject({ pause_ms: 8_000, health: { in_flight_limit: 1 } });
  expect(afterFailure(healthy, overloaded, at(0, day_ms)).pause_ms).toBe(60_000);
  expect(afterFailure(healthy, { ...overloaded, retry_after_ms: day_ms }, at(0, day_ms)).pause_ms).toBe(day_ms);
  const limits = [];
  for (let { health } = rested; health.in_flight_limit !== null; { health } = afterSuccess(health, 8))
    limits.push(health.in_flight_limit);
  expect(limits).toEqual([1, 2, 4]);
});
