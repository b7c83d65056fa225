import { Injectable } from '@nestjs/common';
import { redacted } from './own-headers.js';
import type { Webhook } from './webhook.entity.js';
import { WebhookVault } from './webhook-vault.js';
import type { WebhookDto } from './webhooks.dto.js';

/** What is shown of a webhook. */
export type ShownWebhook = Readonly<WebhookDto>;

/** A webhook as callers and events see it: no secret, no value of a header. */
@Injectable()
export class WebhookViews {
  constructor(private readonly vault: WebhookVault) {}

  show(webhook: Webhook): ShownWebhook {
    return {
      id: webhook.id,
      name: webhook.name,
      url: webhook.url,
      event_types: webhook.event_types,
      payload_form: webhook.payload_form,
      retry: webhook.retry,
      headers: redacted(this.vault.openHeaders(webhook.headers)),
      timeout_ms: webhook.timeout_ms,
      max_in_flight: webhook.max_in_flight,
      per_second: webhook.per_second,
      is_active: webhook.is_active,
      disabled_reason: webhook.disabled_reason,
      failing_since: webhook.failing_since,
      failed_attempts: webhook.failed_attempts,
      created_at: webhook.created_at,
      updated_at: webhook.updated_at,
    };
  }
}
