import { Counter, Histogram } from 'prom-client';
import { POLICY_NAMES, type PolicyName } from './policy.js';

/** What a policy can answer. */
export const OUTCOMES = ['admitted', 'refused', 'unavailable'] as const;

/** Plain integers on the hot path; they become metrics when these are read. */
export const limitCounts = {
  leases: 0,
  decisions: Object.fromEntries(
    POLICY_NAMES.map((name) => [name, { admitted: 0, refused: 0, unavailable: 0 }]),
  ) as Record<PolicyName, Record<(typeof OUTCOMES)[number], number>>,
};

/** Time to lease permits. */
export const leaseSeconds = new Histogram({
  name: 'engawa_limit_lease_seconds',
  help: 'Time to lease permits.',
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2],
});

new Counter({
  name: 'engawa_limit_decisions_total',
  help: 'Decisions of the rate limits.',
  labelNames: ['policy', 'outcome'],
  collect() {
    this.reset();
    for (const policy of POLICY_NAMES) {
      for (const outcome of OUTCOMES) this.inc({ policy, outcome }, limitCounts.decisions[policy][outcome]);
    }
  },
});

new Counter({
  name: 'engawa_limit_leases_total',
  help: 'Leases of permits asked for.',
  collect() {
    this.reset();
    this.inc(limitCounts.leases);
  },
});
