import { Injectable } from '@nestjs/common';
import { type DomainEvent, EVENT_TYPES } from '../../contracts/events.js';
import { Context } from '../../platform/context/context.js';
import { Consumes } from '../../platform/events/consumes.decorator.js';
import { DeliveryQueue } from './delivery-queue.js';
import { selects } from './select-types.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** Reactions to reactions end here (contract). */
const MAX_DEPTH = 5;

/**
 * Turns each event into one delivery for every endpoint that wants it, in the transaction that moves the cursor of the log:
 * once per event and endpoint, whatever dies when. Quiet types are read too, for an endpoint may name them.
 */
@Injectable()
export class WebhookFanOut {
  constructor(
    private readonly webhooks: WebhooksRepository,
    private readonly queue: DeliveryQueue,
    private readonly context: Context,
  ) {}

  @Consumes({ name: 'webhooks.fan-out', types: EVENT_TYPES })
  async fanOut(events: readonly DomainEvent[]): Promise<void> {
    if (this.context.current().depth > MAX_DEPTH) return;
    const subscribers = await this.webhooks.subscribers();
    await this.queue.add(
      events.flatMap((event) =>
        subscribers
          .filter(({ id, event_types }) => selects(event_types, event.type) && !isAbout(event, id))
          .map(({ id }) => ({
            webhook_id: id,
            event_id: event.id,
            event_type: event.type,
            trigger: 'event' as const,
            replay_of: null,
          })),
      ),
    );
  }
}

/** An endpoint is not told of its own troubles: the telling would be the next one. */
function isAbout({ subject, data }: DomainEvent, webhook_id: string): boolean {
  return subject === `webhook/${webhook_id}` || data['webhook_id'] === webhook_id;
}
