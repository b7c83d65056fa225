import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { ListQuery } from '../../platform/database/list-query.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import { DELIVERY_COLUMNS, DeliveriesRepository, type NewDelivery } from './deliveries.repository.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';

/** Which events of the log are to be sent again. */
export interface LostEvents {
  readonly webhook_id: string;
  readonly types: readonly string[];
  readonly since: string;
  readonly until: string | null;
  readonly only: 'failed' | 'missing' | 'all';
}

/** A dead delivery is a dead letter as long as nothing newer was tried for its event and its webhook still stands. */
const IS_DEAD_LETTER = `status = 'dead' and trigger <> 'test'
  and not exists (select from webhook_deliveries newer where newer.webhook_id = webhook_deliveries.webhook_id
    and newer.event_id = webhook_deliveries.event_id and newer.id > webhook_deliveries.id)
  and exists (select from webhooks w where w.id = webhook_deliveries.webhook_id and w.deleted_at is null)`;

/** The statements that find what did not arrive. */
@Injectable()
export class RecoveryRepository {
  constructor(
    private readonly db: Database,
    private readonly deliveries: DeliveriesRepository,
  ) {}

  /** Events of the log without a succeeded or pending delivery, oldest first. Ids begin with their time, within a day. */
  lostEvents(lost: LostEvents, limit: number): Promise<{ id: string; type: string }[]> {
    return this.db.query(
      `select e.id, e.type from events e
        where e.type = any($2::text[]) and e.time >= $3::timestamptz and e.time < coalesce($4::timestamptz, 'infinity')
          and e.id >= app.uuidv7_floor($3::timestamptz - interval '1 day')
          and e.id < app.uuidv7_floor(coalesce($4::timestamptz, now()) + interval '1 day')
          and not (e.subject_type = 'webhook' and e.subject_id = $1::uuid)
          and e.data ->> 'webhook_id' is distinct from $1::uuid::text
          and not exists (select from webhook_deliveries d
            where d.webhook_id = $1::uuid and d.event_id = e.id and d.status in ('succeeded', 'pending'))
          and ($5::text = 'all' or ($5::text = 'failed') = exists (select from webhook_deliveries d
            where d.webhook_id = $1::uuid and d.event_id = e.id))
        order by e.id limit $6`,
      [lost.webhook_id, lost.types, lost.since, lost.until, lost.only, limit],
    );
  }

  deadLetters(request: ListRequest): Promise<Page<WebhookDelivery>> {
    const list = new ListQuery(
      { table: 'webhook_deliveries', columns: DELIVERY_COLUMNS, where: IS_DEAD_LETTER },
      request,
      false,
    );
    return this.deliveries.pageOf(list, request);
  }

  /** Locked until the end of the transaction. */
  async lockDeadLetter(id: string): Promise<WebhookDelivery | undefined> {
    const [row] = await this.db.query<WebhookDelivery & object>(
      `select ${DELIVERY_COLUMNS} from webhook_deliveries where id = $1 and trigger <> 'test'
        and exists (select from webhooks w where w.id = webhook_id and w.deleted_at is null) for no key update`,
      [id],
    );
    return row;
  }

  /** Dead letters of endpoints that get deliveries, oldest first. */
  replayable(webhook_id: string | null, event_type: string | null, limit: number): Promise<Omit<NewDelivery, 'id'>[]> {
    return this.db.query(
      `select webhook_id, event_id, event_type, 'replay' as trigger, id as replay_of from webhook_deliveries
        where ${IS_DEAD_LETTER} and ($1::uuid is null or webhook_id = $1) and ($2::text is null or event_type = $2)
          and exists (select from webhooks w where w.id = webhook_id and w.is_active)
        order by created_at, id limit $3`,
      [webhook_id, event_type, limit],
    );
  }

  /** Two calls at a time would both find the same. */
  async lockRecovery(): Promise<void> {
    await this.db.query(
      `select pg_advisory_xact_lock(hashtextextended('webhooks.recovery' || app.workspace_id()::text, 0))`,
    );
  }
}
