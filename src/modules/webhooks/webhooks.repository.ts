import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ListQuery } from '../../platform/database/list-query.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import type { SecretKind } from './signing-secret.js';
import type { DisabledReason, Webhook } from './webhook.entity.js';
import type { WebhookSecret } from './webhook-secret.entity.js';

/** What a caller decides about a webhook. */
export type WebhookSettings = Pick<
  Webhook,
  | 'name'
  | 'url'
  | 'event_types'
  | 'payload_form'
  | 'retry'
  | 'headers'
  | 'timeout_ms'
  | 'max_in_flight'
  | 'per_second'
  | 'is_active'
>;

/** A webhook as the fan-out sees it. */
export type Subscriber = Pick<Webhook, 'id' | 'event_types'>;

/** A secret as it is listed: without what it hides. */
export type ListedSecret = Omit<WebhookSecret, 'ciphertext' | 'webhook_id'>;

export const WEBHOOK_COLUMNS = `id, name, url, event_types, payload_form, retry, headers, timeout_ms, max_in_flight, per_second, is_active,
  disabled_reason, failing_since, failed_attempts, is_failing_told, in_flight_limit, paused_until, next_send_at, created_at, updated_at,
  deleted_at`;

const ALIVE = '(expires_at is null or expires_at > now())';

/** The statements of endpoints and their secrets. */
@Injectable()
export class WebhooksRepository {
  constructor(private readonly db: Database) {}

  /** Undefined when the workspace has as many as it may; callers wait for one another, so that the number is exact. */
  async insert(id: string, webhook: WebhookSettings, max: number): Promise<Webhook | undefined> {
    const [, rows] = await this.db.queryAll([
      { text: `select pg_advisory_xact_lock(hashtextextended('webhooks' || app.workspace_id()::text, 0))`, values: [] },
      {
        text: `insert into webhooks (id, name, url, event_types, payload_form, retry, headers, timeout_ms, max_in_flight, per_second)
          select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
          where (select count(*) from webhooks where deleted_at is null) < $11 returning ${WEBHOOK_COLUMNS}`,
        values: [
          id,
          webhook.name,
          webhook.url,
          webhook.event_types,
          webhook.payload_form,
          webhook.retry,
          webhook.headers,
          webhook.timeout_ms,
          webhook.max_in_flight,
          webhook.per_second,
          max,
        ],
      },
    ]);
    return rows?.[0] as Webhook | undefined;
  }

  async find(id: string): Promise<Webhook | undefined> {
    const [row] = await this.db.query<Webhook & object>(
      `select ${WEBHOOK_COLUMNS} from webhooks where id = $1 and deleted_at is null`,
      [id],
    );
    return row;
  }

  /** Locked until the end of the transaction. */
  async lock(id: string): Promise<Webhook | undefined> {
    const [row] = await this.db.query<Webhook & object>(
      `select ${WEBHOOK_COLUMNS} from webhooks where id = $1 and deleted_at is null for no key update`,
      [id],
    );
    return row;
  }

  async page(request: ListRequest): Promise<Page<Webhook>> {
    const list = new ListQuery({ table: 'webhooks', columns: WEBHOOK_COLUMNS }, request);
    const statements = request.wants_count ? [list.page(), list.count()] : [list.page()];
    const [rows = [], counted] = await this.db.queryAll(statements);
    return list.toPage(rows as unknown as Webhook[], counted?.[0]?.['count'] as number | undefined);
  }

  /** The endpoints of the workspace that get deliveries. */
  subscribers(): Promise<Subscriber[]> {
    return this.db.query('select id, event_types from webhooks where is_active and deleted_at is null order by id');
  }

  async update(id: string, webhook: WebhookSettings): Promise<Webhook> {
    const [row] = await this.db.query<Webhook & object>(
      `update webhooks set name = $2, url = $3, event_types = $4, payload_form = $5, retry = $6, headers = $7, timeout_ms = $8,
          max_in_flight = $9, per_second = $10, is_active = $11, disabled_reason = case when $11 then null when is_active then 'manual' else disabled_reason end,
          updated_at = now() where id = $1 returning ${WEBHOOK_COLUMNS}`,
      [
        id,
        webhook.name,
        webhook.url,
        webhook.event_types,
        webhook.payload_form,
        webhook.retry,
        webhook.headers,
        webhook.timeout_ms,
        webhook.max_in_flight,
        webhook.per_second,
        webhook.is_active,
      ],
    );
    if (!row) throw new Error('the webhook is locked, hence there');
    return row;
  }

  async disable(id: string, reason: DisabledReason): Promise<Webhook | undefined> {
    const [row] = await this.db.query<Webhook & object>(
      `update webhooks set is_active = false, disabled_reason = $2, updated_at = now()
        where id = $1 and is_active and deleted_at is null returning ${WEBHOOK_COLUMNS}`,
      [id, reason],
    );
    return row;
  }

  /** Takes the endpoint out of sight; its secrets go at once, its deliveries when they are old enough. */
  async remove(id: string): Promise<void> {
    await this.db.queryAll([
      {
        text: 'update webhooks set deleted_at = now(), is_active = false, headers = null where id = $1',
        values: [id],
      },
      { text: 'delete from webhook_secrets where webhook_id = $1', values: [id] },
    ]);
  }

  /** Secrets that sign now, newest first. */
  secrets(webhook_id: string): Promise<WebhookSecret[]> {
    return this.db.query<WebhookSecret & object>(
      `select id, webhook_id, kind, ciphertext, created_at, expires_at from webhook_secrets
        where webhook_id = $1 and ${ALIVE} order by created_at desc, id desc`,
      [webhook_id],
    );
  }

  async addSecret(id: string, webhook_id: string, kind: SecretKind, ciphertext: Buffer): Promise<ListedSecret> {
    const [row] = await this.db.query<ListedSecret & object>(
      `insert into webhook_secrets (id, webhook_id, kind, ciphertext) values ($1, $2, $3, $4)
        returning id, kind, created_at, expires_at`,
      [id, webhook_id, kind, ciphertext],
    );
    if (!row) throw new Error('an insert returns its row');
    return row;
  }

  /** Present secrets end after the grace time; those that end already are left alone, those that have ended go. */
  async retireSecrets(webhook_id: string, grace_s: number): Promise<void> {
    await this.db.queryAll([
      { text: 'delete from webhook_secrets where webhook_id = $1 and expires_at <= now()', values: [webhook_id] },
      {
        text: `update webhook_secrets set expires_at = now() + make_interval(secs => $2)
          where webhook_id = $1 and expires_at is null`,
        values: [webhook_id, grace_s],
      },
    ]);
  }
}
