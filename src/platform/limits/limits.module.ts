import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { EventSchemas } from '../events/event-schemas.js';
import { CallerPolicies } from './caller-policies.js';
import { ExceededReports } from './exceeded-reports.js';
import { LeaseStore, SqlLeaseStore } from './lease-store.js';
import { LimiterClock, ProcessClock } from './limiter-clock.js';
import { Limiter } from './limiter.js';
import { LimitsController } from './limits.controller.js';
import { ExceededLimit } from './limits.dto.js';
import { UnderWay } from './under-way.js';
import { WorkspaceLimits } from './workspace-limits.js';

/** Rate limits and bounds of concurrency, for every way in. */
@Global()
@Module({
  controllers: [LimitsController],
  providers: [
    { provide: LeaseStore, useClass: SqlLeaseStore },
    { provide: LimiterClock, useClass: ProcessClock },
    Limiter,
    UnderWay,
    WorkspaceLimits,
    CallerPolicies,
    ExceededReports,
  ],
  exports: [Limiter, UnderWay, CallerPolicies, ExceededReports],
})
export class LimitsModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.registerType('limit.exceeded', ExceededLimit);
  }
}
