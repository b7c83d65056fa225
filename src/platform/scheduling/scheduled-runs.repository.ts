import { Injectable } from '@nestjs/common';
import { SystemDatabase } from '../database/system-database.js';

/** Where instances agree on who runs which housekeeping when. Time is the database's. */
@Injectable()
export class ScheduledRunsRepository {
  constructor(private readonly system: SystemDatabase) {}

  /** Takes a run that is due; false when it is not, or another process is at it. A name seen first is due at once. */
  async take(name: string, every_ms: number, lease_ms: number, leased_by: string): Promise<boolean> {
    const taken = await this.system.execute(
      `insert into scheduled_runs as s (name, run_at, leased_until, leased_by)
       values ($1, now() + $2::float8 * interval '1 millisecond', now() + $3::float8 * interval '1 millisecond', $4)
       on conflict (name) do update set run_at = excluded.run_at, leased_until = excluded.leased_until, leased_by = excluded.leased_by
       where s.run_at <= now() and (s.leased_until is null or s.leased_until < now())`,
      [name, every_ms, lease_ms, leased_by],
    );
    return taken > 0;
  }

  /** Keeps a run that takes longer than its lease. */
  async extend(name: string, lease_ms: number, leased_by: string): Promise<void> {
    await this.system.execute(
      `update scheduled_runs set leased_until = now() + $2::float8 * interval '1 millisecond' where name = $1 and leased_by = $3`,
      [name, lease_ms, leased_by],
    );
  }

  async release(name: string, leased_by: string): Promise<void> {
    await this.system.execute(
      'update scheduled_runs set leased_until = null, leased_by = null where name = $1 and leased_by = $2',
      [name, leased_by],
    );
  }
}
