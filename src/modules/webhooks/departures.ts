import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/webhooks-config.js';
import { BatchedLookUp } from '../../platform/auth/batched-look-up.js';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { admit, type Admission } from './admit.js';
import { FlightsRepository } from './flights.repository.js';
import { attemptsOf, readWaits, type RetryWaits } from './retry-schedule.js';

/** What a flight may take beyond its exchange (signing, recording) before its place is given away. */
const SLACK_MS = 5_000;

/**
 * An endpoint says how much may be under way to it at a time, and any number of processes send. So before a delivery is
 * sent it is written down as under way, in a transaction that counts what others have written. Deliveries that ask while
 * such a transaction is on its way share the next one. What is written down also tells, after a crash, that an attempt
 * began whose end nobody knows.
 */
@Injectable()
export class Departures {
  private readonly waits: RetryWaits;
  private readonly desks = new Map<string, BatchedLookUp<Admission>>();

  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly flights: FlightsRepository,
    config: WebhooksConfig,
  ) {
    this.waits = { short_s: readWaits(config.retry_schedule_s), tail_s: readWaits(config.retry_tail_s) };
  }

  /** Asks for a delivery of the present workspace to be sent now. */
  async ask(webhook_id: string, delivery_id: string): Promise<Admission> {
    const workspace_id = this.context.workspaceId();
    let desk = this.desks.get(workspace_id);
    if (!desk) this.desks.set(workspace_id, (desk = new BatchedLookUp((keys) => this.admitAll(keys))));
    return (await desk.find(`${webhook_id} ${delivery_id}`)) ?? { kind: 'over' };
  }

  private admitAll(keys: readonly string[]): Promise<ReadonlyMap<string, Admission>> {
    const pairs = keys.map((key) => key.split(' ') as [string, string]);
    return this.db.transaction(async () => {
      const { deliveries, events } = await this.flights.claim(
        pairs.map(([webhook_id]) => webhook_id),
        pairs.map(([, delivery_id]) => delivery_id),
      );
      const { byDelivery, places } = admit(deliveries, events, ({ retry }) => attemptsOf(retry, this.waits));
      const going = [...byDelivery.values()].filter((admission) => admission.kind === 'goes');
      const interrupted = going.filter(({ delivery }) => delivery.is_interrupted).map(({ delivery }) => delivery.id);
      if (interrupted.length > 0) await this.flights.recordInterrupted(interrupted);
      if (going.length > 0) {
        const flights = going.map(({ delivery, wait_ms }) => ({
          webhook_id: delivery.webhook_id,
          delivery_id: delivery.id,
          lasts_ms: wait_ms + delivery.timeout_ms + SLACK_MS,
          sent_url: delivery.url,
        }));
        await this.flights.takeOff(flights, places);
      }
      return new Map([...byDelivery].map(([id, admission]) => [keyOf(pairs, id), admission]));
    });
  }
}

function keyOf(pairs: readonly (readonly [string, string])[], delivery_id: string): string {
  return pairs.find(([, id]) => id === delivery_id)?.join(' ') ?? delivery_id;
}
