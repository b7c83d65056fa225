import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { type Changes, definitionOf } from '../../contracts/events.js';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { Forbidden, Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import type { FieldMistake } from '../../platform/errors/problem.js';
import { Events } from '../../platform/events/events.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import { Preconditions } from '../../platform/http/preconditions.js';
import { Outbound } from '../../platform/outbound/outbound.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { applyWebhook, chooseSecret, NOTHING_CHOSEN, type WebhookChoices } from './read-webhook.js';
import { selectedTypes } from './select-types.js';
import type { Webhook } from './webhook.entity.js';
import { WebhookHealthRepository } from './webhook-health.repository.js';
import { WebhookVault } from './webhook-vault.js';
import { WebhookViews } from './webhook-views.js';
import type { CreatedWebhookDto, CreateWebhook, UpdateWebhook, WebhookDto } from './webhooks.dto.js';
import { TooManyWebhooks } from './webhooks.errors.js';
import { WebhooksRepository } from './webhooks.repository.js';

const MAX_WEBHOOKS = 100;

/**
 * Endpoints: who is told of what, where, and with which secret. A delivery carries the data of its event, so nobody can
 * register for, or redirect, what they may not read themselves.
 */
@Injectable()
export class WebhooksService {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly events: Events,
    private readonly preconditions: Preconditions,
    private readonly outbound: Outbound,
    private readonly webhooks: WebhooksRepository,
    private readonly health: WebhookHealthRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly vault: WebhookVault,
    private readonly views: WebhookViews,
  ) {}

  /** @throws {Problem} 403 for events that the caller may not read; 409 too-many-webhooks; 422. */
  async create(input: CreateWebhook): Promise<CreatedWebhookDto> {
    const { choices, mistakes } = applyWebhook(NOTHING_CHOSEN, input);
    const secret = chooseSecret(input.secret, input.signing);
    if ('detail' in secret) mistakes.push(secret);
    await this.demandUrl(choices.url, mistakes);
    if (mistakes.length > 0 || 'detail' in secret) throw new Invalid(mistakes);
    this.demandReadable(choices.event_types);
    const id = uuidv7();
    return this.db.transaction(async () => {
      const webhook = await this.webhooks.insert(id, this.sealed(choices), MAX_WEBHOOKS);
      if (!webhook) throw new TooManyWebhooks(MAX_WEBHOOKS);
      await this.webhooks.addSecret(uuidv7(), id, secret.kind, this.vault.sealSecret(secret));
      const shown = this.views.show(webhook);
      this.events.publish('webhook.created', { subject_id: id, data: shown });
      return { ...shown, secret: secret.text };
    });
  }

  list(request: ListRequest): Promise<Page<WebhookDto>> {
    return this.db.read(async () => {
      const page = await this.webhooks.page(request);
      return { ...page, items: page.items.map((webhook) => this.views.show(webhook)) };
    });
  }

  get(id: string): Promise<WebhookDto> {
    return this.db.read(async () => this.views.show(await this.find(id)));
  }

  /** Changes what the input names; `is_active: true` also clears the health. */
  async update(id: string, input: UpdateWebhook): Promise<WebhookDto> {
    if (input.url !== undefined) {
      const mistakes: FieldMistake[] = [];
      await this.demandUrl(input.url, mistakes);
      if (mistakes.length > 0) await this.get(id);
      if (mistakes.length > 0) throw new Invalid(mistakes);
    }
    return this.db.transaction(async () => {
      const webhook = await this.lock(id);
      const shown = this.views.show(webhook);
      this.preconditions.check(shown);
      const before = this.choicesOf(webhook);
      const { choices, mistakes } = applyWebhook(before, input);
      if (mistakes.length > 0) throw new Invalid(mistakes);
      const isAimedAnew = choices.url !== before.url || !isDeepStrictEqual(choices.event_types, before.event_types);
      if (isAimedAnew) this.demandReadable(choices.event_types);
      if (input.is_active === true) await this.health.clear(id);
      const isSame = isDeepStrictEqual(choices, before);
      if (isSame && (input.is_active !== true || webhook.failed_attempts === 0)) return shown;
      const after = this.views.show(await this.webhooks.update(id, this.sealed(choices)));
      const changes = changesBetween(shown, after, !isDeepStrictEqual(choices.headers, before.headers));
      this.events.publish('webhook.updated', { subject_id: id, data: after, changes });
      if (before.is_active && !choices.is_active) {
        await this.deliveries.endAll(id, 'cancelled', 'endpoint-disabled');
        this.events.publish('webhook.disabled', { subject_id: id, data: after, changes });
      }
      return after;
    });
  }

  /** Removes the endpoint; what waits for it is cancelled. */
  async delete(id: string): Promise<void> {
    await this.db.transaction(async () => {
      const shown = this.views.show(await this.lock(id));
      this.preconditions.check(shown);
      await this.deliveries.endAll(id, 'cancelled', 'endpoint-deleted');
      await this.webhooks.remove(id);
      this.events.publish('webhook.deleted', { subject_id: id, data: shown });
    });
  }

  private async find(id: string): Promise<Webhook> {
    const webhook = isUUID(id) ? await this.webhooks.find(id) : undefined;
    if (!webhook) throw new NotFound('webhook');
    return webhook;
  }

  private async lock(id: string): Promise<Webhook> {
    const webhook = isUUID(id) ? await this.webhooks.lock(id) : undefined;
    if (!webhook) throw new NotFound('webhook');
    return webhook;
  }

  private choicesOf(webhook: Webhook): WebhookChoices {
    const { name, url, event_types, payload_form, retry, timeout_ms, max_in_flight, per_second, is_active } = webhook;
    const headers = this.vault.openHeaders(webhook.headers);
    return { name, url, event_types, payload_form, retry, timeout_ms, max_in_flight, per_second, is_active, headers };
  }

  private sealed(choices: WebhookChoices) {
    return { ...choices, headers: this.vault.sealHeaders(choices.headers) };
  }

  /** Addresses are looked up only where nothing waits: a repeatable request runs inside a transaction. */
  private async demandUrl(url: string, mistakes: FieldMistake[]): Promise<void> {
    const objection = this.db.isOpen() ? this.outbound.objectionToForm(url) : await this.outbound.objectionTo(url);
    if (objection !== null) mistakes.push({ pointer: '/url', detail: objection });
  }

  private demandReadable(event_types: readonly string[]): void {
    const { permissions } = this.context.principal();
    const needed = new Set(selectedTypes(event_types).map((type) => definitionOf(type).permission));
    const missing = [...needed].filter((permission) => !permissions.has(permission));
    if (missing.length === 0) return;
    throw new Forbidden(`Deliveries of these events carry what needs ${missing.slice(0, 5).join(', ')}.`, {
      suggestion: 'Name the event_types that you may read, or ask somebody with these permissions.',
    });
  }
}

/** Header values are in no event, so that they changed is all that is said. */
function changesBetween(before: WebhookDto, after: WebhookDto, has_new_headers: boolean): Changes {
  const names = Object.keys(after) as (keyof WebhookDto)[];
  return Object.fromEntries(
    names
      .filter((name) => name !== 'updated_at')
      .filter((name) => (name === 'headers' && has_new_headers) || !isDeepStrictEqual(before[name], after[name]))
      .map((name) => [name, { from: before[name], to: after[name] }]),
  );
}
