import { Unavailable } from '../errors/contract-problems.js';
import { Problem } from '../errors/problem.js';
import type { Policy, RateHeaders } from './policy.js';

/** A policy has no permit left in this window: 429. */
export class RateLimited extends Problem {
  constructor(
    policy: Policy,
    readonly retry_after_s: number,
    headers: RateHeaders,
  ) {
    super(
      429,
      'rate-limited',
      'Too many requests',
      `The limit "${policy.name}" admits ${policy.q} requests per ${policy.w} seconds. Try again in ${retry_after_s} seconds.`,
      {
        headers: { ...headers, 'retry-after': String(retry_after_s) },
        extensions: { policy: policy.name, limit: policy.q, window_s: policy.w, retry_after_s },
      },
    );
  }
}

/** Permits cannot be had, because the database cannot be reached; nothing is admitted uncounted: 503. */
export class LimitsUnavailable extends Unavailable {
  constructor() {
    super('limits-unavailable', 'The request cannot be counted at the moment. Try again in a second.');
  }
}

/** More requests are under way and waiting than the process takes from one workspace or caller: 503. */
export class TooManyUnderWay extends Unavailable {
  constructor(scope: 'workspace' | 'principal', atOnce: number) {
    super(
      'too-many-under-way',
      `This ${scope === 'workspace' ? 'workspace' : 'caller'} has ${atOnce} requests under way and a full queue. Wait for answers before asking more.`,
    );
  }
}
