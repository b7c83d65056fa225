import { Counter, Gauge, Histogram } from 'prom-client';

/** One kind in one state, over all workspaces. */
export interface Depth {
  readonly kind: string;
  readonly state: string;
  readonly jobs: number;
  readonly oldest_ready_s: number | null;
  /** Due, and nobody in this process can do it. */
  readonly is_unhandled: boolean;
}

/** Who knows the depths; asked whenever the gauges are read. */
export const depths: { read?: (() => Promise<readonly Depth[]>) | undefined } = {};

/** Each gauge fills itself alone: they are collected side by side. */
function filled<Label extends string>(set: (gauge: Gauge<Label>, depth: Depth) => void) {
  return async function (this: Gauge<Label>): Promise<void> {
    const rows = (await depths.read?.()) ?? [];
    this.reset();
    for (const row of rows) set(this, row);
  };
}

export const jobsGauge = new Gauge({
  name: 'engawa_jobs',
  help: 'Jobs by kind and state.',
  labelNames: ['kind', 'state'],
  collect: filled((gauge, { kind, state, jobs }) => gauge.set({ kind, state }, jobs)),
});

export const oldestReadyGauge = new Gauge({
  name: 'engawa_jobs_oldest_ready_seconds',
  help: 'Age of the oldest job that is due and not started, by kind.',
  labelNames: ['kind'],
  collect: filled((gauge, { kind, oldest_ready_s }) => {
    if (oldest_ready_s !== null) gauge.set({ kind }, oldest_ready_s);
  }),
});

export const unhandledGauge = new Gauge({
  name: 'engawa_jobs_unhandled',
  help: 'Due jobs of kinds that this process cannot do.',
  labelNames: ['kind'],
  collect: filled((gauge, { kind, jobs, is_unhandled }) => {
    if (is_unhandled) gauge.set({ kind }, jobs);
  }),
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
