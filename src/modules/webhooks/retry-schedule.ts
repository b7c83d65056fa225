/** Which waits a webhook has: `short` ends after minutes, `long` adds days. */
export const RETRIES = ['short', 'long'] as const;

export type Retry = (typeof RETRIES)[number];

/** Seconds between attempts, as the operator set them. */
export interface RetryWaits {
  readonly short_s: readonly number[];
  readonly tail_s: readonly number[];
}

/** How long a `Retry-After` is followed at most. */
const MAX_RETRY_AFTER_MS: Readonly<Record<Retry, number>> = { short: 3_600_000, long: 86_400_000 };
const JITTER = 0.1;

/** Reads `2,8,30`. */
export function readWaits(text: string): number[] {
  return text.split(',').map(Number);
}

function waitsOf(retry: Retry, { short_s, tail_s }: RetryWaits): readonly number[] {
  return retry === 'short' ? short_s : [...short_s, ...tail_s];
}

/** Attempts of a delivery: the first, and one behind each wait. Nothing else cuts the list off. */
export function attemptsOf(retry: Retry, waits: RetryWaits): number {
  return waitsOf(retry, waits).length + 1;
}

/**
 * Milliseconds until the next attempt, or null when the last one was made. Never earlier than the schedule says, and up to a
 * tenth later, so that deliveries that failed together do not return together. A `Retry-After` counts when it is later.
 *
 * @param attempts_made attempts so far, the failed one included
 * @param random 0..1
 */
export function nextWaitMs(
  retry: Retry,
  waits: RetryWaits,
  attempts_made: number,
  retry_after_ms: number | null,
  random: () => number = Math.random,
): number | null {
  const wait_s = waitsOf(retry, waits)[attempts_made - 1];
  if (wait_s === undefined) return null;
  const scheduled = Math.round(wait_s * 1_000 * (1 + random() * JITTER));
  return Math.max(scheduled, Math.min(retry_after_ms ?? 0, MAX_RETRY_AFTER_MS[retry]));
}
