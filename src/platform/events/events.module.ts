import { Global, Module } from '@nestjs/common';
import { Events } from './events.js';
import { LiveSignals } from './live-signals.js';

/** The event log: publishing, consuming, watching. */
@Global()
@Module({
  providers: [LiveSignals, Events],
  exports: [LiveSignals, Events],
})
export class EventsModule {}
