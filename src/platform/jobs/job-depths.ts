import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Health } from '../telemetry/health.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobHandlers } from './job-handlers.js';
import { depths, jobsGauge, oldestReadyGauge, unhandledGauge } from './jobs.metrics.js';

/** Counting reads the whole table, so an answer serves for a while. */
const FRESH_MS = 10_000;

type Depth = Awaited<ReturnType<JobClaimsRepository['depths']>>[number];

/** How much waits, and what of it nobody here can do, for metrics and /ready. */
@Injectable()
export class JobDepths implements OnModuleInit, OnModuleDestroy {
  private counted: { readonly at_ms: number; readonly rows: Promise<Depth[]> } | undefined;
  private readonly fill = () => this.fillGauges();

  constructor(
    private readonly claims: JobClaimsRepository,
    private readonly handlers: JobHandlers,
    private readonly health: Health,
  ) {}

  onModuleInit(): void {
    depths.fill = this.fill;
    // A worker of a newer version may know the kind, so it does not make this process unready.
    this.health.add('jobs', async () => ({ is_ready: true, unhandled_kinds: await this.unhandledKinds() }));
  }

  onModuleDestroy(): void {
    if (depths.fill === this.fill) depths.fill = undefined;
  }

  /** Kinds of due jobs for which this process has no handler. */
  async unhandledKinds(): Promise<string[]> {
    return (await this.read()).filter((row) => this.isUnhandled(row)).map(({ kind }) => kind);
  }

  private isUnhandled({ kind, state }: Depth): boolean {
    return state === 'ready' && !this.handlers.find(kind);
  }

  private async fillGauges(): Promise<void> {
    const rows = await this.read();
    jobsGauge.reset();
    oldestReadyGauge.reset();
    unhandledGauge.reset();
    for (const row of rows) {
      jobsGauge.set({ kind: row.kind, state: row.state }, row.jobs);
      if (row.oldest_ready_s !== null) oldestReadyGauge.set({ kind: row.kind }, row.oldest_ready_s);
      if (this.isUnhandled(row)) unhandledGauge.set({ kind: row.kind }, row.jobs);
    }
  }

  private read(): Promise<Depth[]> {
    const now_ms = performance.now();
    if (!this.counted || now_ms - this.counted.at_ms > FRESH_MS) {
      const rows = this.claims.depths();
      this.counted = { at_ms: now_ms, rows };
      rows.catch(() => (this.counted = undefined));
    }
    return this.counted.rows;
  }
}
