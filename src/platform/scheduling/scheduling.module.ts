import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { ScheduledRunsRepository } from './scheduled-runs.repository.js';
import { Scheduling } from './scheduling.js';

/** Housekeeping, one runner at a time. The process starts `Scheduling` where its role asks for it. */
@Global()
@Module({
  imports: [DiscoveryModule, ScheduleModule.forRoot()],
  providers: [ScheduledRunsRepository, Scheduling],
  exports: [Scheduling],
})
export class SchedulingModule {}
