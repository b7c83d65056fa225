import { Injectable } from '@nestjs/common';
import { Context } from '../context/context.js';
import { systemPrincipal } from '../context/principal.js';
import { Database } from '../database/database.js';
import { Events } from '../events/events.js';
import { Scheduled } from '../scheduling/scheduled.decorator.js';
import { JobAdministrationRepository } from './job-administration.repository.js';
import { JobClaimsRepository } from './job-claims.repository.js';

const BATCH = 1_000;

/** Parked jobs wait 30 days for a person. */
@Injectable()
export class ParkedJobs {
  constructor(
    private readonly claims: JobClaimsRepository,
    private readonly repository: JobAdministrationRepository,
    private readonly db: Database,
    private readonly context: Context,
    private readonly events: Events,
  ) {}

  @Scheduled({ name: 'jobs.expire-parked', every_ms: 3_600_000 })
  async expire(): Promise<void> {
    for (;;) {
      const parked = await this.claims.longParked(BATCH);
      for (const workspace_id of new Set(parked.map((job) => job.workspace_id))) {
        const ids = parked.filter((job) => job.workspace_id === workspace_id).map(({ id }) => id);
        await this.context.runAs(systemPrincipal(workspace_id), { via: 'system' }, () => this.expireIn(ids));
      }
      if (parked.length < BATCH) return;
    }
  }

  private expireIn(ids: readonly string[]): Promise<void> {
    return this.db.transaction(async () => {
      const removed = await this.repository.removeParked(ids);
      if (removed.length === 0) return;
      this.events.publishMany(
        'job.expired',
        removed.map(({ id, kind, last_error, attempt }) => ({
          subject_id: id,
          data: { id, kind, attempts: attempt, error: last_error },
        })),
      );
    });
  }
}
