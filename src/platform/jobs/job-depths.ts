import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Health } from '../telemetry/health.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobHandlers } from './job-handlers.js';
import { type Depth, depths } from './jobs.metrics.js';

/** Counting reads the whole table, so an answer serves for a while. */
const FRESH_MS = 10_000;

/** How much waits, and what of it nobody here can do, for metrics and /ready. */
@Injectable()
export class JobDepths implements OnModuleInit, OnModuleDestroy {
  private counted: { readonly at_ms: number; readonly rows: Promise<readonly Depth[]> } | undefined;
  private readonly source = () => this.read();

  constructor(
    private readonly claims: JobClaimsRepository,
    private readonly handlers: JobHandlers,
    private readonly health: Health,
  ) {}

  onModuleInit(): void {
    depths.read = this.source;
    // A worker of a newer version may know the kind, so it does not make this process unready.
    this.health.add('jobs', async () => ({ is_ready: true, unhandled_kinds: await this.unhandledKinds() }));
  }

  onModuleDestroy(): void {
    if (depths.read === this.source) depths.read = undefined;
  }

  /** Kinds of due jobs for which this process has no handler. */
  async unhandledKinds(): Promise<string[]> {
    return (await this.read()).filter((row) => row.is_unhandled).map(({ kind }) => kind);
  }

  private read(): Promise<readonly Depth[]> {
    const now_ms = performance.now();
    if (!this.counted || now_ms - this.counted.at_ms > FRESH_MS) {
      const rows = this.count();
      this.counted = { at_ms: now_ms, rows };
      rows.catch(() => (this.counted = undefined));
    }
    return this.counted.rows;
  }

  private async count(): Promise<readonly Depth[]> {
    const rows = await this.claims.depths();
    return rows.map((row) => ({ ...row, is_unhandled: row.state === 'ready' && !this.handlers.find(row.kind) }));
  }
}
