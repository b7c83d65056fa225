import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ListQuery } from '../../platform/database/list-query.js';
import { EVENT_COLUMNS, type EventRow } from '../../platform/events/log-reader.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import type { HourDto } from './deliveries.dto.js';
import type { WebhookAttempt } from './webhook-attempt.entity.js';
import type { DeliveryStatus, Trigger, WebhookDelivery } from './webhook-delivery.entity.js';

/** A delivery that is asked for. */
export interface NewDelivery {
  readonly id: string;
  readonly webhook_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly trigger: Trigger;
  readonly replay_of: string | null;
}

export const DELIVERY_COLUMNS = `id, webhook_id, event_id, event_type, trigger, status, reason, attempts, next_attempt_at, replay_of,
  created_at, finished_at`;

const ATTEMPT_COLUMNS = `number, started_at, duration_ms, status_code, outcome, error, detail, next_attempt_at, response_headers,
  response_body, is_truncated, sent_url`;

/** The statements of the log of deliveries. */
@Injectable()
export class DeliveriesRepository {
  constructor(private readonly db: Database) {}

  /** Adds deliveries; those that an event caused only where it has none yet. Returns what was added. */
  insert(rows: readonly NewDelivery[]): Promise<Pick<WebhookDelivery, 'id' | 'webhook_id'>[]> {
    return this.db.query(
      `insert into webhook_deliveries (id, webhook_id, event_id, event_type, trigger, replay_of, next_attempt_at)
        select n.id, n.webhook_id, n.event_id, n.event_type, n.trigger, n.replay_of, now()
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[])
          as n(id, webhook_id, event_id, event_type, trigger, replay_of)
        where n.trigger <> 'event' or not exists (
          select from webhook_deliveries d where d.webhook_id = n.webhook_id and d.event_id = n.event_id)
        on conflict do nothing returning id, webhook_id`,
      [
        rows.map((row) => row.id),
        rows.map((row) => row.webhook_id),
        rows.map((row) => row.event_id),
        rows.map((row) => row.event_type),
        rows.map((row) => row.trigger),
        rows.map((row) => row.replay_of),
      ],
    );
  }

  async find(webhook_id: string, id: string): Promise<WebhookDelivery | undefined> {
    const [row] = await this.db.query<WebhookDelivery & object>(
      `select ${DELIVERY_COLUMNS} from webhook_deliveries where webhook_id = $1 and id = $2`,
      [webhook_id, id],
    );
    return row;
  }

  /** Locked until the end of the transaction. */
  async lock(id: string): Promise<WebhookDelivery | undefined> {
    const [row] = await this.db.query<WebhookDelivery & object>(
      `select ${DELIVERY_COLUMNS} from webhook_deliveries where id = $1 for no key update`,
      [id],
    );
    return row;
  }

  async event(event_id: string): Promise<EventRow | undefined> {
    const [row] = await this.db.query<EventRow & object>(`select ${EVENT_COLUMNS} from events e where e.id = $1`, [
      event_id,
    ]);
    return row;
  }

  async page(webhook_id: string, request: ListRequest): Promise<Page<WebhookDelivery>> {
    const list = new ListQuery({ table: 'webhook_deliveries', columns: DELIVERY_COLUMNS }, request, false);
    return this.pageOf(list.and('webhook_id = ?::uuid', webhook_id), request);
  }

  async pageOf(list: ListQuery, request: ListRequest): Promise<Page<WebhookDelivery>> {
    const statements = request.wants_count ? [list.page(), list.count()] : [list.page()];
    const [rows = [], counted] = await this.db.queryAll(statements);
    return list.toPage(rows as unknown as WebhookDelivery[], counted?.[0]?.['count'] as number | undefined);
  }

  attempts(delivery_id: string): Promise<WebhookAttempt[]> {
    return this.db.query<WebhookAttempt & object>(
      `select ${ATTEMPT_COLUMNS} from webhook_attempts where delivery_id = $1 order by number`,
      [delivery_id],
    );
  }

  /** A pending delivery is due at once. */
  async pullForward(id: string): Promise<WebhookDelivery | undefined> {
    const [row] = await this.db.query<WebhookDelivery & object>(
      `update webhook_deliveries set next_attempt_at = now() where id = $1 and status = 'pending' returning ${DELIVERY_COLUMNS}`,
      [id],
    );
    return row;
  }

  /** Ends a pending delivery without sending it. */
  async end(id: string, status: DeliveryStatus, reason: string): Promise<WebhookDelivery | undefined> {
    const [row] = await this.db.query<WebhookDelivery & object>(
      `update webhook_deliveries set status = $2, reason = $3, next_attempt_at = null, finished_at = now()
        where id = $1 and status = 'pending' returning ${DELIVERY_COLUMNS}`,
      [id, status, reason],
    );
    return row;
  }

  /** Ends every pending delivery of a webhook without sending it. */
  async endAll(webhook_id: string, status: DeliveryStatus, reason: string): Promise<void> {
    await this.db.execute(
      `update webhook_deliveries set status = $2, reason = $3, next_attempt_at = null, finished_at = now()
        where webhook_id = $1 and status = 'pending'`,
      [webhook_id, status, reason],
    );
  }

  /** By hour: what came of the attempts, deliveries given up, and how long attempts took. */
  stats(webhook_id: string, hours: number): Promise<HourDto[]> {
    return this.db.query<HourDto & object>(
      `with since as (select date_trunc('hour', now()) - make_interval(hours => $2 - 1) as moment),
      tried as (
        select date_trunc('hour', a.started_at) as hour, count(*) filter (where a.outcome = 'succeeded') as succeeded,
          count(*) filter (where a.outcome <> 'succeeded') as failed,
          percentile_cont(0.5) within group (order by a.duration_ms) as p50, percentile_cont(0.95) within group (order by a.duration_ms) as p95
        from webhook_deliveries d join webhook_attempts a on a.delivery_id = d.id, since
        where d.webhook_id = $1 and coalesce(d.finished_at, now()) >= since.moment and a.started_at >= since.moment
        group by 1
      ), dead as (
        select date_trunc('hour', d.finished_at) as hour, count(*) as dead from webhook_deliveries d, since
        where d.webhook_id = $1 and d.status = 'dead' and d.finished_at >= since.moment group by 1
      )
      select hour, coalesce(t.succeeded, 0)::int as succeeded, coalesce(t.failed, 0)::int as failed, coalesce(d.dead, 0)::int as dead,
        round(t.p50)::int as p50_ms, round(t.p95)::int as p95_ms
      from tried t full join dead d using (hour) order by hour`,
      [webhook_id, hours],
    );
  }
}
