const MAX_MS = 15 * 60_000;

/**
 * How long a failed job waits: doubling from 5 s to 15 min, with 0-10 % added so that jobs that failed together do not
 * return together.
 */
export function backoffMs(attempt: number, base_ms = 5_000, random: () => number = Math.random): number {
  const wait = Math.min(MAX_MS, base_ms * 2 ** Math.max(0, attempt - 1));
  return Math.round(wait * (1 + random() / 10));
}
