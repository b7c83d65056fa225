import type { Verdict } from './decide-answer.js';

/** How an endpoint has been doing. */
export interface Health {
  /** Milliseconds of the epoch of the first failed attempt since the last success. */
  readonly failing_since_ms: number | null;
  readonly failed_attempts: number;
  /** webhook.failing was published since the last success. */
  readonly is_failing_told: boolean;
  /** Exchanges at a time after an overload; null: as many as the endpoint allows. */
  readonly in_flight_limit: number | null;
}

/** What an attempt changes. */
export interface HealthChange {
  readonly health: Health;
  /** How long the endpoint gets nothing; null: no rest. */
  readonly pause_ms: number | null;
  readonly disables: 'gone' | 'failing' | null;
  readonly tells: 'failing' | 'recovered' | null;
}

const HEALTHY: Health = { failing_since_ms: null, failed_attempts: 0, is_failing_told: false, in_flight_limit: null };
/** An endpoint is disabled for failing only after so many failed attempts, however long it has been failing. */
const LEAST_FAILED_ATTEMPTS = 12;
/** A rest that the receiver did not ask for is no longer than this: a delivery that waits a day must not stop all others. */
const LONGEST_OWN_PAUSE_MS = 60_000;

export function isHealthy(health: Health): boolean {
  return health.failing_since_ms === null && health.failed_attempts === 0 && health.in_flight_limit === null;
}

/** After a success: all is forgiven, and what an overload took away comes back by doubling. */
export function afterSuccess(health: Health, max_in_flight: number): HealthChange {
  const doubled = health.in_flight_limit === null ? null : health.in_flight_limit * 2;
  return {
    health: { ...HEALTHY, in_flight_limit: doubled !== null && doubled < max_in_flight ? doubled : null },
    pause_ms: null,
    disables: null,
    tells: health.is_failing_told ? 'recovered' : null,
  };
}

/**
 * After a failed attempt.
 * @param wait_ms until the next attempt of the delivery; null: it is dead
 */
export function afterFailure(
  health: Health,
  { is_gone, is_overloaded, retry_after_ms }: Verdict,
  {
    wait_ms,
    now_ms,
    disable_after_ms,
  }: { readonly wait_ms: number | null; readonly now_ms: number; readonly disable_after_ms: number },
): HealthChange {
  const failing_since_ms = health.failing_since_ms ?? now_ms;
  const failed_attempts = health.failed_attempts + 1;
  const isHopeless = now_ms - failing_since_ms > disable_after_ms && failed_attempts >= LEAST_FAILED_ATTEMPTS;
  const tells = wait_ms === null && !health.is_failing_told ? 'failing' : null;
  const asked_ms = retry_after_ms !== null && retry_after_ms > 0 ? wait_ms : null;
  const pause_ms = asked_ms ?? Math.min(wait_ms ?? LONGEST_OWN_PAUSE_MS, LONGEST_OWN_PAUSE_MS);
  return {
    health: {
      failing_since_ms,
      failed_attempts,
      is_failing_told: health.is_failing_told || tells !== null,
      in_flight_limit: is_overloaded ? 1 : health.in_flight_limit,
    },
    pause_ms: is_overloaded ? pause_ms : null,
    disables: is_gone ? 'gone' : isHopeless ? 'failing' : null,
    tells,
  };
}
