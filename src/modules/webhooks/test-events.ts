import { Injectable } from '@nestjs/common';
import { EVENT_TYPES } from '../../contracts/events.js';
import { Context } from '../../platform/context/context.js';
import { EventSchemas } from '../../platform/events/event-schemas.js';
import type { RenderedEvent } from './render-message.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';

/** The type of a test that stands for nothing that happened. */
export const PING = 'webhook.ping';

/** What may be sent as a test. */
export const TEST_TYPES: readonly string[] = [PING, ...EVENT_TYPES];

/** The events of test deliveries: not in the log, made from the delivery alone, hence the same at every attempt. */
@Injectable()
export class TestEvents {
  constructor(
    private readonly schemas: EventSchemas,
    private readonly context: Context,
  ) {}

  /** `time` is the moment that the event's id carries (RFC 9562, section 5.7). */
  of({
    event_id,
    event_type,
    webhook_id,
  }: Pick<WebhookDelivery, 'event_id' | 'event_type' | 'webhook_id'>): RenderedEvent {
    const example = this.schemas.catalogue().find(({ type }) => type === event_type)?.example;
    return {
      id: event_id,
      type: event_type,
      time: new Date(Number.parseInt(event_id.replaceAll('-', '').slice(0, 12), 16)).toISOString(),
      workspace_id: this.context.workspaceId(),
      subject: typeof example?.['subject'] === 'string' ? example['subject'] : `webhook/${webhook_id}`,
      actor: { type: 'system', id: null, name: 'Engawa' },
      via: 'system',
      request_id: null,
      data: (example?.['data'] as Record<string, unknown> | undefined) ?? { webhook_id },
      changes: {},
    };
  }
}
