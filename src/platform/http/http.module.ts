import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE, DiscoveryModule } from '@nestjs/core';
import { ProblemFilter } from '../errors/problem.filter.js';
import { DtoPipe } from './dto.pipe.js';
import { Idempotency } from './idempotency.js';
import { OpenApi } from './open-api.js';
import { Preconditions } from './preconditions.js';
import { RootController } from './root.controller.js';
import { RouteCatalogue } from './route-catalogue.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  controllers: [RootController],
  providers: [
    Idempotency,
    OpenApi,
    Preconditions,
    ProblemFilter,
    RouteCatalogue,
    { provide: APP_FILTER, useExisting: ProblemFilter },
    { provide: APP_PIPE, useClass: DtoPipe },
  ],
  exports: [Idempotency, OpenApi, Preconditions, ProblemFilter, RouteCatalogue],
})
export class HttpModule {}
