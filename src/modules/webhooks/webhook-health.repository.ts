import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { Health } from './endpoint-health.js';
import type { Webhook } from './webhook.entity.js';
import { WEBHOOK_COLUMNS } from './webhooks.repository.js';

/** The health of an endpoint as its row keeps it. */
export function healthOf(webhook: Webhook): Health {
  const { failing_since, failed_attempts, is_failing_told, in_flight_limit } = webhook;
  const failing_since_ms = failing_since === null ? null : Date.parse(failing_since);
  return { failing_since_ms, failed_attempts, is_failing_told, in_flight_limit };
}

/** The statements of the health of endpoints. */
@Injectable()
export class WebhookHealthRepository {
  constructor(private readonly db: Database) {}

  /** @param pause_ms how long the endpoint gets nothing; a longer rest that it has already stays */
  async write(id: string, health: Health, pause_ms: number | null): Promise<Webhook> {
    const [row] = await this.db.query<Webhook & object>(
      `update webhooks set failing_since = to_timestamp($2::float8 / 1000), failed_attempts = $3, is_failing_told = $4,
          in_flight_limit = $5, paused_until = greatest(paused_until, now() + $6::float8 * interval '1 millisecond')
        where id = $1 returning ${WEBHOOK_COLUMNS}`,
      [id, health.failing_since_ms, health.failed_attempts, health.is_failing_told, health.in_flight_limit, pause_ms],
    );
    if (!row) throw new Error('the webhook is locked, hence there');
    return row;
  }

  /** A fresh start for an endpoint that is enabled again. */
  async clear(id: string): Promise<void> {
    await this.db.execute(
      `update webhooks set failing_since = null, failed_attempts = 0, is_failing_told = false, in_flight_limit = null,
          paused_until = null, next_send_at = null where id = $1`,
      [id],
    );
  }
}
