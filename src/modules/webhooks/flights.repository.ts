import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { EVENT_COLUMNS, type EventRow } from '../../platform/events/log-reader.js';
import type { Webhook } from './webhook.entity.js';
import type { WebhookAttempt } from './webhook-attempt.entity.js';
import type { DeliveryStatus, WebhookDelivery } from './webhook-delivery.entity.js';

/** A delivery that a worker holds, with its endpoint as it is at this moment. Durations are milliseconds, 0 when over. */
export type ClaimedDelivery = Pick<
  WebhookDelivery,
  'id' | 'webhook_id' | 'event_id' | 'event_type' | 'trigger' | 'status' | 'attempts'
> &
  Pick<
    Webhook,
    | 'url'
    | 'payload_form'
    | 'retry'
    | 'headers'
    | 'timeout_ms'
    | 'max_in_flight'
    | 'per_second'
    | 'is_active'
    | 'disabled_reason'
    | 'in_flight_limit'
    | 'failed_attempts'
  > & {
    readonly is_deleted: boolean;
    readonly paused_ms: number;
    /** Until the endpoint's next free place; below zero when it has been free for so long. */
    readonly next_send_ms: number;
    /** Exchanges of the endpoint under way elsewhere. */
    readonly in_flight: number;
    /** An earlier attempt began and was never recorded. */
    readonly is_interrupted: boolean;
    readonly secrets: readonly Buffer[] | null;
  };

/** A delivery that takes off. */
export interface TakeOff {
  readonly webhook_id: string;
  readonly delivery_id: string;
  /** How long it counts as under way, unless its end is recorded before. */
  readonly lasts_ms: number;
  readonly sent_url: string;
}

/** The next free place of an endpoint with a limit per second. */
export interface NextPlace {
  readonly webhook_id: string;
  readonly next_send_ms: number;
}

/** What an exchange leaves behind. */
export interface Landing extends Pick<
  WebhookAttempt,
  'status_code' | 'error' | 'detail' | 'response_headers' | 'response_body' | 'is_truncated' | 'sent_url'
> {
  readonly delivery_id: string;
  readonly webhook_id: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly duration_ms: number;
  /** Where the delivery stands now. */
  readonly status: DeliveryStatus;
  readonly reason: string | null;
  /** Milliseconds until the next attempt. */
  readonly wait_ms: number | null;
}

/**
 * Endpoints of the deliveries are locked one after the other in one order, so that places are counted exactly. The commit
 * waits for no disk: a take-off that a crash of the database forgets costs one note of an interruption.
 */
const LOCK = `
select set_config('enable_seqscan', 'off', true), set_config('synchronous_commit', 'off', true),
  pg_advisory_xact_lock(hashtextextended(w.webhook_id::text, 7))
from (select distinct webhook_id from unnest($1::uuid[]) as u(webhook_id) order by webhook_id) w`;

const CLAIMED = `
select d.id, d.webhook_id, d.event_id, d.event_type, d.trigger, d.status, d.attempts, w.url, w.payload_form, w.retry, w.headers,
  w.timeout_ms, w.max_in_flight, w.per_second, w.is_active, w.disabled_reason, w.in_flight_limit, w.failed_attempts,
  w.deleted_at is not null as is_deleted,
  coalesce(greatest(0, extract(epoch from w.paused_until - now()) * 1000), 0)::float8 as paused_ms,
  coalesce(extract(epoch from w.next_send_at - clock_timestamp()) * 1000, -1)::float8 as next_send_ms,
  (select count(*)::int from webhook_flights f
    where f.webhook_id = d.webhook_id and f.delivery_id <> all($1::uuid[]) and f.until > now()) as in_flight,
  exists (select from webhook_flights f where f.webhook_id = d.webhook_id and f.delivery_id = d.id) as is_interrupted,
  (select array_agg(s.ciphertext order by s.created_at desc, s.id desc) from webhook_secrets s
    where s.webhook_id = d.webhook_id and (s.expires_at is null or s.expires_at > now())) as secrets
from webhook_deliveries d join webhooks w on w.id = d.webhook_id
where d.id = any($1::uuid[])`;

const EVENTS = `
select ${EVENT_COLUMNS} from events e
where e.id in (select d.event_id from webhook_deliveries d where d.id = any($1::uuid[]) and d.status = 'pending')`;

const INTERRUPTED = `
with counted as (
  update webhook_deliveries set attempts = attempts + 1 where id = any($1::uuid[]) returning id, webhook_id, attempts
)
insert into webhook_attempts (delivery_id, number, started_at, outcome, error, sent_url)
select c.id, c.attempts, f.started_at, 'interrupted', 'interrupted', f.sent_url
from counted c join webhook_flights f on f.webhook_id = c.webhook_id and f.delivery_id = c.id`;

const TAKE_OFF = `
insert into webhook_flights (webhook_id, delivery_id, started_at, until, sent_url)
select u.webhook_id, u.delivery_id, clock_timestamp(), clock_timestamp() + u.lasts_ms * interval '1 millisecond', u.sent_url
from unnest($1::uuid[], $2::uuid[], $3::float8[], $4::text[]) as u(webhook_id, delivery_id, lasts_ms, sent_url)
on conflict (workspace_id, webhook_id, delivery_id)
  do update set started_at = excluded.started_at, until = excluded.until, sent_url = excluded.sent_url`;

const RESERVE = `
update webhooks w set next_send_at = clock_timestamp() + u.next_send_ms * interval '1 millisecond'
from unnest($1::uuid[], $2::float8[]) as u(webhook_id, next_send_ms) where w.id = u.webhook_id`;

/** One statement for any number: flights end, deliveries move on, attempts are kept. Only a pending delivery changes its status. */
const LAND = `
with l as (
  select * from jsonb_to_recordset($1::jsonb) as l(delivery_id uuid, webhook_id uuid, status text, reason text, wait_ms float8,
    duration_ms integer, status_code integer, outcome text, error text, detail text, response_headers jsonb, response_body text,
    is_truncated boolean, sent_url text)
), landed as (
  delete from webhook_flights f using l where f.webhook_id = l.webhook_id and f.delivery_id = l.delivery_id
), delivery as (
  update webhook_deliveries d set attempts = d.attempts + 1,
    status = case when d.status = 'pending' then l.status else d.status end,
    reason = case when d.status = 'pending' then l.reason else d.reason end,
    next_attempt_at = case when d.status = 'pending' then now() + l.wait_ms * interval '1 millisecond' end,
    finished_at = case when d.status = 'pending' and l.status <> 'pending' then now() else d.finished_at end
  from l where d.id = l.delivery_id returning d.id, d.attempts, d.next_attempt_at
)
insert into webhook_attempts (delivery_id, number, started_at, duration_ms, status_code, outcome, error, detail, next_attempt_at,
  response_headers, response_body, is_truncated, sent_url)
select d.id, d.attempts, now() - l.duration_ms * interval '1 millisecond', l.duration_ms, l.status_code, l.outcome, l.error, l.detail,
  d.next_attempt_at, l.response_headers, l.response_body, l.is_truncated, l.sent_url
from delivery d join l on l.delivery_id = d.id`;

/** What is being sent: taking off and landing. */
@Injectable()
export class FlightsRepository {
  constructor(private readonly db: Database) {}

  /** Deliveries with all that sending them takes. Their endpoints stay locked until the transaction ends. */
  async claim(
    webhook_ids: readonly string[],
    delivery_ids: readonly string[],
  ): Promise<{ deliveries: ClaimedDelivery[]; events: EventRow[] }> {
    const [, deliveries, events] = await this.db.queryAll([
      { text: LOCK, values: [webhook_ids] },
      { text: CLAIMED, values: [delivery_ids] },
      { text: EVENTS, values: [delivery_ids] },
    ]);
    return { deliveries: deliveries as unknown as ClaimedDelivery[], events: events as unknown as EventRow[] };
  }

  /** Writes attempts that began and were never recorded. */
  async recordInterrupted(delivery_ids: readonly string[]): Promise<void> {
    await this.db.execute(INTERRUPTED, [delivery_ids]);
  }

  /** Marks deliveries as under way and keeps places. */
  async takeOff(flights: readonly TakeOff[], places: readonly NextPlace[]): Promise<void> {
    const taken = {
      text: TAKE_OFF,
      values: [
        flights.map((flight) => flight.webhook_id),
        flights.map((flight) => flight.delivery_id),
        flights.map((flight) => flight.lasts_ms),
        flights.map((flight) => flight.sent_url),
      ],
    };
    const reserved = {
      text: RESERVE,
      values: [places.map((place) => place.webhook_id), places.map((place) => place.next_send_ms)],
    };
    await this.db.queryAll(places.length === 0 ? [taken] : [taken, reserved]);
  }

  async land(landings: readonly Landing[]): Promise<void> {
    await this.db.execute(LAND, [JSON.stringify(landings)]);
  }

  /** Forgets a flight whose delivery will not be sent. */
  async ground(webhook_id: string, delivery_id: string): Promise<void> {
    await this.db.execute('delete from webhook_flights where webhook_id = $1 and delivery_id = $2', [
      webhook_id,
      delivery_id,
    ]);
  }
}
