import type { LimitsUnavailable, RateLimited } from './limits.errors.js';
import type { RateHeaders } from './policy.js';

/** Whether a request may go on. */
export type Decision =
  | { readonly admitted: true; readonly headers: RateHeaders }
  | { readonly admitted: false; readonly problem: RateLimited | LimitsUnavailable };
