import { Injectable } from '@nestjs/common';
import { MIGRATION_COUNT } from '../database/migrate.js';
import { SystemDatabase } from '../database/system-database.js';

/** What one part of the process says about itself. */
export interface HealthReport {
  readonly is_ready: boolean;
  readonly [detail: string]: unknown;
}

/** A part that can be asked. */
export type HealthCheck = () => Promise<HealthReport>;

/** Whether this process can do its work. Rooms add their own checks. */
@Injectable()
export class Health {
  private readonly checks = new Map<string, HealthCheck>();

  constructor(private readonly database: SystemDatabase) {
    this.add('database', () => this.checkDatabase());
  }

  add(name: string, check: HealthCheck): void {
    this.checks.set(name, check);
  }

  async report(): Promise<{ is_ready: boolean; checks: Readonly<Record<string, HealthReport>> }> {
    const checks = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await check().catch(failed)] as const),
    );
    return { is_ready: checks.every(([, report]) => report.is_ready), checks: Object.fromEntries(checks) };
  }

  private async checkDatabase(): Promise<HealthReport> {
    const started = performance.now();
    const [row] = await this.database.query<{ count: number }>('select app.migration_count() as count');
    return {
      is_ready: row?.count === MIGRATION_COUNT,
      migrations: row?.count ?? 0,
      ms: Math.round(performance.now() - started),
    };
  }
}

function failed(): HealthReport {
  return { is_ready: false, problem: 'this check failed; the log has the reason' };
}
