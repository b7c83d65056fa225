import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CallerCheck, SystemCallersOnly } from './caller-check.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobHandlers } from './job-handlers.js';
import { JobRunner } from './job-runner.js';
import { Jobs } from './jobs.js';
import { JobsRepository } from './jobs.repository.js';
import { Reaper } from './reaper.js';
import { LiveWakeUps, WakeUps } from './wake-ups.js';
import { Workers } from './workers.js';

/** Durable work. The process starts `Workers` where its role asks for it. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    Jobs,
    JobsRepository,
    JobClaimsRepository,
    JobHandlers,
    JobRunner,
    Reaper,
    Workers,
    { provide: WakeUps, useClass: LiveWakeUps },
    { provide: CallerCheck, useClass: SystemCallersOnly },
  ],
  exports: [Jobs, Workers, JobHandlers],
})
export class JobsModule {}
