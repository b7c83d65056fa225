import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/webhooks-config.js';
import { Database } from '../../platform/database/database.js';
import { Events } from '../../platform/events/events.js';
import type { Verdict } from './decide-answer.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { afterFailure, afterSuccess, isHealthy } from './endpoint-health.js';
import { EndpointTurns } from './endpoint-turns.js';
import { type ClaimedDelivery, FlightsRepository, type Landing } from './flights.repository.js';
import type { DisabledReason } from './webhook.entity.js';
import type { DeliveryStatus } from './webhook-delivery.entity.js';
import { healthOf, WebhookHealthRepository } from './webhook-health.repository.js';
import { WebhookViews } from './webhook-views.js';
import { WebhooksRepository } from './webhooks.repository.js';

const DAY_MS = 86_400_000;

/** True when an exchange changes nothing but its delivery: a success of an endpoint that was well. */
export function isUneventful(delivery: ClaimedDelivery, { outcome }: Pick<Verdict, 'outcome'>): boolean {
  return outcome === 'succeeded' && delivery.failed_attempts === 0 && delivery.in_flight_limit === null;
}

/** What remains of a delivery's end: the attempt, the endpoint's health, the events. Called in the transaction of the job. */
@Injectable()
export class DeliveryOutcomes {
  constructor(
    private readonly db: Database,
    private readonly events: Events,
    private readonly flights: FlightsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly webhooks: WebhooksRepository,
    private readonly health: WebhookHealthRepository,
    private readonly views: WebhookViews,
    private readonly turns: EndpointTurns,
    private readonly config: WebhooksConfig,
  ) {}

  /** Records an exchange. */
  async land(delivery: ClaimedDelivery, landing: Landing, verdict: Verdict): Promise<void> {
    this.db.afterCommit(() => this.turns.pass(delivery.webhook_id));
    await this.flights.land([landing]);
    if (delivery.trigger === 'test') return;
    if (landing.status === 'dead') await this.tellDead(delivery.webhook_id, delivery.id);
    if (!isUneventful(delivery, verdict)) await this.judge(delivery.webhook_id, landing, verdict);
  }

  /** Ends a delivery that is not sent. An attempt that began and was never recorded is written first. */
  async end(delivery: ClaimedDelivery, status: DeliveryStatus, reason: string): Promise<void> {
    this.db.afterCommit(() => this.turns.pass(delivery.webhook_id));
    if (delivery.is_interrupted) await this.flights.recordInterrupted([delivery.id]);
    await this.flights.ground(delivery.webhook_id, delivery.id);
    const ended = await this.deliveries.end(delivery.id, status, reason);
    if (ended?.status === 'dead' && delivery.trigger !== 'test') {
      this.events.publish('webhook.delivery_dead', { subject_id: delivery.id, data: ended });
    }
  }

  /** Disables an endpoint and ends what waits for it. */
  async disable(webhook_id: string, reason: DisabledReason): Promise<void> {
    const disabled = await this.webhooks.disable(webhook_id, reason);
    if (!disabled) return;
    await this.deliveries.endAll(webhook_id, 'dead', `endpoint-${reason}`);
    const changes = { is_active: { from: true, to: false }, disabled_reason: { from: null, to: reason } };
    this.events.publish('webhook.disabled', { subject_id: webhook_id, data: this.views.show(disabled), changes });
  }

  private async judge(webhook_id: string, { wait_ms }: Landing, verdict: Verdict): Promise<void> {
    const webhook = await this.webhooks.lock(webhook_id);
    if (!webhook) return;
    const before = healthOf(webhook);
    if (verdict.outcome === 'succeeded' && isHealthy(before)) return;
    const disable_after_ms = this.config.disable_after_days * DAY_MS;
    const change =
      verdict.outcome === 'succeeded'
        ? afterSuccess(before, webhook.max_in_flight)
        : afterFailure(before, verdict, { wait_ms, now_ms: Date.now(), disable_after_ms });
    const after = await this.health.write(webhook_id, change.health, change.pause_ms);
    if (change.tells) {
      this.events.publish(`webhook.${change.tells}`, { subject_id: webhook_id, data: this.views.show(after) });
    }
    if (change.disables) await this.disable(webhook_id, change.disables);
  }

  private async tellDead(webhook_id: string, delivery_id: string): Promise<void> {
    const dead = await this.deliveries.find(webhook_id, delivery_id);
    if (dead?.status === 'dead') this.events.publish('webhook.delivery_dead', { subject_id: delivery_id, data: dead });
  }
}
