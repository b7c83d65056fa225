import { Injectable } from '@nestjs/common';
import { backoffMs } from './backoff.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobRunner } from './job-runner.js';
import { jobsReaped } from './jobs.metrics.js';

const REASON = 'the lease ran out: the worker was stopped, or lost the database';

/** Takes back the jobs of workers that gave no sign of life. The claim has counted the attempt already. */
@Injectable()
export class Reaper {
  constructor(
    private readonly claims: JobClaimsRepository,
    private readonly runner: JobRunner,
  ) {}

  /** @returns how many jobs were taken back or set aside. */
  async reap(): Promise<number> {
    const expired = await this.claims.expired();
    const isSpent = (job: (typeof expired)[number]) => job.attempt >= job.max_attempts;
    for (const job of expired.filter(isSpent)) await this.runner.parkExpired(job, REASON);
    const again = expired.filter((job) => !isSpent(job));
    if (again.length > 0) {
      const ends = again.map(({ workspace_id, id, token, attempt }) => {
        return { workspace_id, id, token, after_ms: backoffMs(attempt), counted: true, error: REASON };
      });
      await this.claims.giveBack(ends, true);
    }
    jobsReaped.inc(expired.length);
    return expired.length;
  }
}
