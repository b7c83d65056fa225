import { Injectable, Optional } from '@nestjs/common';
import { backoffMs } from './backoff.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobRunner } from './job-runner.js';
import { jobsReaped } from './jobs.metrics.js';
import { WorkerSettings } from './worker-settings.js';

const REASON = 'the lease ran out: the worker was stopped, or lost the database';

/** Takes back the jobs of workers that gave no sign of life. The claim has counted the attempt already. */
@Injectable()
export class Reaper {
  constructor(
    private readonly claims: JobClaimsRepository,
    private readonly runner: JobRunner,
    @Optional() private readonly settings: WorkerSettings = new WorkerSettings(),
  ) {}

  /** @returns how many jobs were taken back or set aside. */
  async reap(): Promise<number> {
    const expired = await this.claims.expired();
    const isSpent = (job: (typeof expired)[number]) => job.attempt >= job.max_attempts;
    for (const job of expired.filter(isSpent)) await this.runner.parkExpired(job, REASON);
    const again = expired.filter((job) => !isSpent(job));
    if (again.length > 0) {
      const ends = again.map(({ workspace_id, id, token, attempt }) => {
        // The lease has been waited for already, hence half: 30 + 5 + 2.5 s keep the promise of 40 s.
        const after_ms = backoffMs(attempt, this.settings.backoff_base_ms) / 2;
        return { workspace_id, id, token, after_ms, counted: true, error: REASON };
      });
      await this.claims.giveBack(ends, true);
    }
    jobsReaped.inc(expired.length);
    return expired.length;
  }
}
