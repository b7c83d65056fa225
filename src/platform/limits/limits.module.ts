import { Global, Module } from '@nestjs/common';
import { LeaseStore, SqlLeaseStore } from './lease-store.js';
import { LimiterClock, ProcessClock } from './limiter-clock.js';
import { Limiter } from './limiter.js';
import { UnderWay } from './under-way.js';

/** Rate limits and bounds of concurrency, for every way in. */
@Global()
@Module({
  providers: [
    { provide: LeaseStore, useClass: SqlLeaseStore },
    { provide: LimiterClock, useClass: ProcessClock },
    Limiter,
    UnderWay,
  ],
  exports: [Limiter, UnderWay],
})
export class LimitsModule {}
