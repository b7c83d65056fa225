import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { Database } from '../database/database.js';
import { Events } from '../events/events.js';
import type { ListRequest, Page } from '../http/listing.js';
import { Preconditions } from '../http/preconditions.js';
import { JobAdministrationRepository } from './job-administration.repository.js';
import { JobIsRunning, JobNotFound } from './jobs.errors.js';
import type { JobCountsDto, JobDto, RetriedJobsDto, RetryJobsDto } from './jobs.dto.js';
import { WakeUps } from './wake-ups.js';
import { Workers } from './workers.js';

const MAX_RETRIED = 10_000;

/** What an administrator of a workspace does with its jobs. */
@Injectable()
export class JobAdministration {
  constructor(
    private readonly db: Database,
    private readonly repository: JobAdministrationRepository,
    private readonly events: Events,
    private readonly preconditions: Preconditions,
    private readonly workers: Workers,
    private readonly wakeUps: WakeUps,
  ) {}

  list(request: ListRequest): Promise<Page<JobDto>> {
    return this.repository.page(request);
  }

  summary(): Promise<JobCountsDto[]> {
    return this.repository.summary();
  }

  /** @throws {JobNotFound} for a finished one, too. */
  async get(id: string): Promise<JobDto> {
    return found(await this.repository.find(known(id)));
  }

  /**
   * Runs a parked or waiting job now, with all its attempts before it.
   * @throws {JobNotFound}
   * @throws {JobIsRunning}
   */
  retry(id: string): Promise<JobDto> {
    return this.db.transaction(async () => {
      const job = found(await this.repository.lock(known(id)));
      if (job.state === 'leased') throw new JobIsRunning();
      if (job.state === 'ready') return job;
      this.publishRetried(await this.repository.retry([id]));
      const pending =
        (await this.repository.find(id)) ??
        (job.key === null ? undefined : await this.repository.findPending(job.kind, job.key));
      return found(pending);
    });
  }

  /** Runs what has failed and fits the description, at most 10,000 jobs a call. */
  retryAll(wanted: RetryJobsDto): Promise<RetriedJobsDto> {
    return this.db.transaction(async () => {
      const ids = await this.repository.findFailed(wanted, MAX_RETRIED + 1);
      const retried = await this.repository.retry(ids.slice(0, MAX_RETRIED));
      this.publishRetried(retried);
      return { retried: retried.length, more: ids.length > MAX_RETRIED };
    });
  }

  /**
   * Removes a job. One that is under way gets its signal and is removed when it stops.
   * @returns true when it is gone already.
   */
  async delete(id: string): Promise<boolean> {
    return this.db.transaction(async () => {
      const job = found(await this.repository.lock(known(id)));
      this.preconditions.check(job);
      const isRunning = job.state === 'leased';
      if (isRunning) await this.repository.cancel(id);
      else await this.repository.remove(id);
      const { kind, attempt, last_error } = job;
      this.events.publish('job.cancelled', {
        subject_id: id,
        data: { id, kind, attempts: attempt, error: last_error },
      });
      if (isRunning) this.db.afterCommit(() => this.workers.cancel(id));
      return !isRunning;
    });
  }

  private publishRetried(jobs: readonly { readonly id: string; readonly kind: string }[]): void {
    if (jobs.length === 0) return;
    this.events.publishMany(
      'job.retried',
      jobs.map(({ id, kind }) => ({ subject_id: id, data: { id, kind } })),
    );
    this.db.afterCommit(() => this.wakeUps.signal());
  }
}

function known(id: string): string {
  if (!isUUID(id)) throw new JobNotFound();
  return id;
}

function found(job: JobDto | undefined): JobDto {
  if (!job) throw new JobNotFound();
  return job;
}
