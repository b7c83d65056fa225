import { Injectable, Logger } from '@nestjs/common';
import { WorkspaceSettings } from '../../platform/auth/workspace-settings.js';
import { Database } from '../../platform/database/database.js';
import { Handles } from '../../platform/jobs/handles.decorator.js';
import type { Job } from '../../platform/jobs/job.js';
import { IngestRunner } from './ingest-runner.js';

/** Two runs of a workspace go on at a time; further ones wait. */
const RUNS_AT_ONCE = 2;
const MAX_ATTEMPTS = 10;

/** The work of a run, as the one who asked for it. */
@Injectable()
export class IngestJobs {
  private readonly logger = new Logger('ingest');

  constructor(
    private readonly db: Database,
    private readonly runner: IngestRunner,
    private readonly settings: WorkspaceSettings,
  ) {}

  @Handles('ingest.run', {
    as: 'caller',
    via: 'ingest',
    per_lane: RUNS_AT_ONCE,
    max_attempts: MAX_ATTEMPTS,
    on_caller_gone: 'callerGone',
  })
  async run(job: Job<{ run_id: string }>): Promise<void> {
    const { default_region } = await this.settings.of(job.workspace_id);
    try {
      await this.runner.run(job.payload.run_id, default_region, job.signal);
    } catch (error) {
      if (job.attempt >= MAX_ATTEMPTS) {
        this.logger.error(error instanceof Error ? error : new Error(String(error)));
        await this.runner.fail(job.payload.run_id, 'The run failed again and again; the server log has the reason.');
      }
      throw error;
    }
  }

  /** Called in the transaction that parks the job. */
  async callerGone(job: Job<{ run_id: string }>): Promise<void> {
    await this.db.transaction(() => this.runner.fail(job.payload.run_id, 'caller-gone'));
  }
}
