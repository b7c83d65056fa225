import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { definitionOf, EVENT_TYPES } from '../../contracts/events.js';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { didYouMean } from '../../platform/errors/nearest-name.js';
import { renderEvent } from '../../platform/events/log-reader.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import type { AttemptsDto, DeliveryDto, DeliveryWithBodyDto, StatsDto, TestWebhook } from './deliveries.dto.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { DeliveryQueue } from './delivery-queue.js';
import { renderMessage } from './render-message.js';
import { TEST_TYPES, TestEvents } from './test-events.js';
import type { Webhook } from './webhook.entity.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';
import { DeliveryIsOver, WebhookDisabled } from './webhooks.errors.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** The log of what was sent to a webhook, and what a person does about it. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly webhooks: WebhooksRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly queue: DeliveryQueue,
    private readonly tests: TestEvents,
  ) {}

  list(webhook_id: string, request: ListRequest): Promise<Page<DeliveryDto>> {
    return this.db.read(async () => {
      await this.webhook(webhook_id);
      return this.deliveries.page(webhook_id, request);
    });
  }

  /** A delivery with the very text that is posted. */
  get(webhook_id: string, id: string): Promise<DeliveryWithBodyDto> {
    return this.db.read(async () => {
      const webhook = await this.webhook(webhook_id);
      const delivery = await this.delivery(webhook_id, id);
      return { ...delivery, body: await this.bodyOf(webhook, delivery) };
    });
  }

  attempts(webhook_id: string, id: string): Promise<AttemptsDto> {
    return this.db.read(async () => {
      await this.webhook(webhook_id);
      await this.delivery(webhook_id, id);
      return { items: await this.deliveries.attempts(id) };
    });
  }

  /** Sends a ping, or the example of a type. @throws {Problem} 404, 409 webhook-disabled, 422. */
  test(webhook_id: string, { type }: TestWebhook): Promise<DeliveryDto> {
    return this.db.transaction(async () => {
      this.demandActive(await this.webhook(webhook_id));
      if (!TEST_TYPES.includes(type)) {
        const hint = didYouMean(type, TEST_TYPES);
        throw new Invalid([{ pointer: '/type', detail: `"${type}" is no event type. ${hint}`.trim() }]);
      }
      const event = { event_id: uuidv7(), event_type: type, trigger: 'test', replay_of: null } as const;
      const [id = ''] = await this.queue.add([{ webhook_id, ...event }]);
      return this.delivery(webhook_id, id);
    });
  }

  /**
   * Sends a delivery again, as a new one under the same `webhook-id`; a pending one is pulled forward instead.
   * @throws {Problem} 404, 409 webhook-disabled.
   */
  replay(webhook_id: string, id: string): Promise<{ readonly delivery: DeliveryDto; readonly is_new: boolean }> {
    return this.db.transaction(async () => {
      const webhook = await this.webhook(webhook_id);
      const delivery = await this.lock(webhook_id, id);
      this.demandActive(webhook);
      const pulled = await this.deliveries.pullForward(id);
      if (pulled) {
        await this.queue.send([pulled]);
        return { delivery: pulled, is_new: false };
      }
      return { delivery: await this.repeat(delivery), is_new: true };
    });
  }

  /** @throws {Problem} 404, 409 delivery-is-over. */
  cancel(webhook_id: string, id: string): Promise<DeliveryDto> {
    return this.db.transaction(async () => {
      await this.webhook(webhook_id);
      const { status } = await this.lock(webhook_id, id);
      const cancelled = await this.deliveries.end(id, 'cancelled', 'cancelled');
      if (!cancelled) throw new DeliveryIsOver(status);
      return cancelled;
    });
  }

  stats(webhook_id: string, hours: number): Promise<StatsDto> {
    return this.db.read(async () => {
      await this.webhook(webhook_id);
      return { items: await this.deliveries.stats(webhook_id, hours) };
    });
  }

  /** A new delivery of the same event. */
  private async repeat({ id, webhook_id, event_id, event_type, trigger }: WebhookDelivery): Promise<DeliveryDto> {
    const repeated = { webhook_id, event_id, event_type, replay_of: id };
    const [added = ''] = await this.queue.add([{ ...repeated, trigger: trigger === 'test' ? 'test' : 'replay' }]);
    return this.delivery(webhook_id, added);
  }

  private async bodyOf({ payload_form }: Webhook, delivery: WebhookDelivery): Promise<string | null> {
    if (delivery.trigger === 'test') return renderMessage(this.tests.of(delivery), payload_form).toString('utf8');
    const type = EVENT_TYPES.find((known) => known === delivery.event_type);
    const { permissions } = this.context.principal();
    if (type === undefined || !permissions.has(definitionOf(type).permission)) return null;
    const event = await this.deliveries.event(delivery.event_id);
    return event ? renderMessage(renderEvent(event), payload_form).toString('utf8') : null;
  }

  private async webhook(id: string): Promise<Webhook> {
    const webhook = isUUID(id) ? await this.webhooks.find(id) : undefined;
    if (!webhook) throw new NotFound('webhook');
    return webhook;
  }

  private async delivery(webhook_id: string, id: string): Promise<Readonly<WebhookDelivery>> {
    const delivery = isUUID(id) ? await this.deliveries.find(webhook_id, id) : undefined;
    if (!delivery) throw new NotFound('webhook_delivery');
    return delivery;
  }

  private async lock(webhook_id: string, id: string): Promise<WebhookDelivery> {
    const delivery = isUUID(id) ? await this.deliveries.lock(id) : undefined;
    if (delivery?.webhook_id !== webhook_id) throw new NotFound('webhook_delivery');
    return delivery;
  }

  private demandActive({ is_active, disabled_reason }: Webhook): void {
    if (!is_active) throw new WebhookDisabled(disabled_reason);
  }
}
