import { Histogram } from 'prom-client';

/** How exchanges with receivers end, and how long they take. */
export const attemptSeconds = new Histogram({
  name: 'engawa_webhook_attempt_seconds',
  help: 'Duration of an exchange with a receiver.',
  labelNames: ['outcome'],
  buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30],
});
