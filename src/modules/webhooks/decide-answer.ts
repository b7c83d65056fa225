import type { OutboundAnswer } from '../../platform/outbound/outbound-answer.js';

/** What an exchange with a receiver means for the delivery and its endpoint. */
export interface Verdict {
  readonly outcome: 'succeeded' | 'failed';
  /** Why it failed, as a slug: `status-500`, `redirect`, `timeout`, `dns` ... */
  readonly error: string | null;
  /** The receiver says that nobody will ever listen here again. */
  readonly is_gone: boolean;
  /** The receiver is overloaded: the whole endpoint is given a rest. */
  readonly is_overloaded: boolean;
  /** What the receiver asked for; null when it said nothing readable. May be negative (a date gone by). */
  readonly retry_after_ms: number | null;
}

const OVERLOADED: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const GONE = 410;

/** @param now_ms milliseconds of the epoch, for a `Retry-After` that is a date */
export function decideAnswer(answer: OutboundAnswer, now_ms: number): Verdict {
  if (answer.outcome === 'failed') return failed(answer.reason);
  const { status } = answer;
  if (status >= 200 && status < 300) return { ...failed(null), outcome: 'succeeded' };
  const header = answer.headers['retry-after'];
  return {
    ...failed(status >= 300 && status < 400 ? 'redirect' : `status-${status}`),
    is_gone: status === GONE,
    is_overloaded: OVERLOADED.has(status),
    retry_after_ms: typeof header === 'string' ? readRetryAfter(header, now_ms) : null,
  };
}

/** Seconds, or an IMF-fixdate (RFC 9110, sections 10.2.3 and 5.6.7), as milliseconds from now; null for anything else. */
export function readRetryAfter(text: string, now_ms: number): number | null {
  const value = text.trim();
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1_000;
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)) return null;
  const date_ms = Date.parse(value);
  return Number.isNaN(date_ms) ? null : date_ms - now_ms;
}

function failed(error: string | null): Verdict {
  return { outcome: 'failed', error, is_gone: false, is_overloaded: false, retry_after_ms: null };
}
