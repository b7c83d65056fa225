import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ConsumerRound } from './consumer-round.js';
import { EventQueries } from './event-queries.js';
import { EventSchemas } from './event-schemas.js';
import { EventStream } from './event-stream.js';
import { EventsController } from './events.controller.js';
import { ParkedEventView } from './events.dto.js';
import { Events } from './events.js';
import { LiveSignals } from './live-signals.js';
import { LogHealth } from './log-health.js';
import { LogReader } from './log-reader.js';
import { Relay } from './relay.js';
import { RetryQueue } from './retry-queue.js';
import { Streams } from './streams.js';

/** The event log: publishing, consuming, watching. */
@Global()
@Module({
  imports: [DiscoveryModule],
  controllers: [EventsController],
  providers: [
    LiveSignals,
    Events,
    LogReader,
    RetryQueue,
    ConsumerRound,
    Relay,
    EventStream,
    EventSchemas,
    EventQueries,
    Streams,
    LogHealth,
  ],
  exports: [LiveSignals, Events, LogReader, RetryQueue, Relay, EventSchemas, EventStream, LogHealth],
})
export class EventsModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.register('event', ParkedEventView);
  }
}
