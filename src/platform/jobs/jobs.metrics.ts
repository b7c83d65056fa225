import { Counter, Gauge, Histogram } from 'prom-client';

/** Who knows the depths; asked before the gauges are read. */
export const depths: { fill?: (() => Promise<void>) | undefined } = {};

const collect = (): Promise<void> | undefined => depths.fill?.();

/** Depth of the queue by kind and state, over all workspaces. */
export const jobsGauge = new Gauge({
  name: 'engawa_jobs',
  help: 'Jobs by kind and state.',
  labelNames: ['kind', 'state'],
  collect,
});

export const oldestReadyGauge = new Gauge({
  name: 'engawa_jobs_oldest_ready_seconds',
  help: 'Age of the oldest job that is due and not started, by kind.',
  labelNames: ['kind'],
});

export const unhandledGauge = new Gauge({
  name: 'engawa_jobs_unhandled',
  help: 'Due jobs of kinds that this process cannot do.',
  labelNames: ['kind'],
});

export const claimSeconds = new Histogram({
  name: 'engawa_job_claim_seconds',
  help: 'Time of one claim statement.',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

export const runSeconds = new Histogram({
  name: 'engawa_job_run_seconds',
  help: 'Time from start to end of a handler, by kind and outcome.',
  labelNames: ['kind', 'outcome'],
  buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120, 600],
});

export const leasesLost = new Counter({
  name: 'engawa_job_leases_lost_total',
  help: 'Leases that this process lost while it still worked.',
});

export const jobsReaped = new Counter({
  name: 'engawa_jobs_reaped_total',
  help: 'Jobs taken back because their lease ran out.',
});
