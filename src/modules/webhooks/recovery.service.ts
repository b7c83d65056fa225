import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { Database } from '../../platform/database/database.js';
import { Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import type { DeliveryDto, RecoveredDto, RecoverEvents, ReplayDeadLetters } from './deliveries.dto.js';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveryQueue } from './delivery-queue.js';
import { RecoveryRepository } from './recovery.repository.js';
import { selectedTypes } from './select-types.js';
import { DeliveryIsNotDead, WebhookDisabled } from './webhooks.errors.js';
import { WebhooksRepository } from './webhooks.repository.js';

const DAY_MS = 86_400_000;
const MAX_AGE_DAYS = 90;
/** One call writes no more than this, so that its transaction stays short. */
const MAX_AT_ONCE = 10_000;

/**
 * A receiver that was away for longer than any schedule must not have lost anything. The log still knows every event, so
 * what is missing is found by comparing it with what was delivered, even where no delivery was ever made.
 */
@Injectable()
export class RecoveryService {
  constructor(
    private readonly db: Database,
    private readonly webhooks: WebhooksRepository,
    private readonly recovery: RecoveryRepository,
    private readonly deliveries: DeliveriesService,
    private readonly queue: DeliveryQueue,
  ) {}

  /** @throws {Problem} 404, 409 webhook-disabled, 422. A second call finds nothing more. */
  recover(id: string, { since, until = null, only }: RecoverEvents): Promise<RecoveredDto> {
    return this.db.transaction(async () => {
      const webhook = isUUID(id) ? await this.webhooks.find(id) : undefined;
      if (!webhook) throw new NotFound('webhook');
      if (Date.parse(since) < Date.now() - MAX_AGE_DAYS * DAY_MS)
        throw new Invalid([{ pointer: '/since', detail: `since must be at most ${MAX_AGE_DAYS} days ago.` }]);
      if (until !== null && Date.parse(until) <= Date.parse(since))
        throw new Invalid([{ pointer: '/until', detail: 'until must be later than since.' }]);
      if (!webhook.is_active) throw new WebhookDisabled(webhook.disabled_reason);
      await this.recovery.lockRecovery();
      const types = selectedTypes(webhook.event_types);
      const lost = await this.recovery.lostEvents({ webhook_id: id, types, since, until, only }, MAX_AT_ONCE + 1);
      const found = lost.slice(0, MAX_AT_ONCE).map((event) => ({
        webhook_id: id,
        event_id: event.id,
        event_type: event.type,
        trigger: 'recover' as const,
        replay_of: null,
      }));
      return { count: (await this.queue.add(found)).length, has_more: lost.length > found.length };
    });
  }

  deadLetters(request: ListRequest): Promise<Page<DeliveryDto>> {
    return this.db.read(() => this.recovery.deadLetters(request));
  }

  /** @throws {Problem} 404, 409 delivery-is-not-dead or webhook-disabled. */
  replayDeadLetter(id: string): Promise<DeliveryDto> {
    return this.db.transaction(async () => {
      const letter = isUUID(id) ? await this.recovery.lockDeadLetter(id) : undefined;
      if (!letter) throw new NotFound('webhook_delivery');
      if (letter.status !== 'dead') throw new DeliveryIsNotDead(letter.status);
      return (await this.deliveries.replay(letter.webhook_id, id)).delivery;
    });
  }

  /** Sends dead letters of enabled webhooks again. */
  replayDeadLetters({ webhook_id = null, event_type = null }: ReplayDeadLetters): Promise<RecoveredDto> {
    return this.db.transaction(async () => {
      await this.recovery.lockRecovery();
      const found = await this.recovery.replayable(webhook_id, event_type, MAX_AT_ONCE + 1);
      const added = await this.queue.add(found.slice(0, MAX_AT_ONCE));
      return { count: added.length, has_more: found.length > MAX_AT_ONCE };
    });
  }
}
