import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ConsumerRound } from './consumer-round.js';
import { Events } from './events.js';
import { LiveSignals } from './live-signals.js';
import { LogReader } from './log-reader.js';
import { Relay } from './relay.js';
import { RetryQueue } from './retry-queue.js';

/** The event log: publishing, consuming, watching. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [LiveSignals, Events, LogReader, RetryQueue, ConsumerRound, Relay],
  exports: [LiveSignals, Events, LogReader, RetryQueue, Relay],
})
export class EventsModule {}
