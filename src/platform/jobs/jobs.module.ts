import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { EventSchemas } from '../events/event-schemas.js';
import { SchedulingModule } from '../scheduling/scheduling.module.js';
import { JobAdministration } from './job-administration.js';
import { JobAdministrationRepository } from './job-administration.repository.js';
import { JobDepths } from './job-depths.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobHandlers } from './job-handlers.js';
import { JobRunner } from './job-runner.js';
import { JobsController } from './jobs.controller.js';
import { JobReport } from './jobs.dto.js';
import { ParkedJobs } from './parked-jobs.js';
import { Jobs } from './jobs.js';
import { JobsRepository } from './jobs.repository.js';
import { Reaper } from './reaper.js';
import { LiveWakeUps, WakeUps } from './wake-ups.js';
import { Workers } from './workers.js';

/** Durable work. The process starts `Workers` where its role asks for it. */
@Global()
@Module({
  imports: [DiscoveryModule, SchedulingModule],
  controllers: [JobsController],
  providers: [
    Jobs,
    JobsRepository,
    JobClaimsRepository,
    JobHandlers,
    JobRunner,
    Reaper,
    Workers,
    JobAdministration,
    JobAdministrationRepository,
    JobDepths,
    ParkedJobs,
    { provide: WakeUps, useClass: LiveWakeUps },
  ],
  exports: [Jobs, Workers, JobHandlers],
})
export class JobsModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.register('job', JobReport);
  }
}
