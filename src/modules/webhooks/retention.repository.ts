import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { SystemDatabase } from '../../platform/database/system-database.js';

/** The statements that forget. */
@Injectable()
export class RetentionRepository {
  constructor(
    private readonly db: Database,
    private readonly system: SystemDatabase,
  ) {}

  /** Makes coming months and drops old ones, attempts and all. */
  async keepPartitions(retention_days: number): Promise<void> {
    await this.system.query('select app.keep_webhook_partitions($1::int)', [retention_days]);
  }

  async workspaces(): Promise<string[]> {
    const rows = await this.system.query<{ id: string }>('select id from workspaces order by id');
    return rows.map(({ id }) => id);
  }

  /** Removes deliveries of the present workspace that ended and are old; their ids begin with their time. */
  removeDeliveries(retention_days: number, limit: number): Promise<number> {
    return this.db.execute(
      `delete from webhook_deliveries where id in (
        select id from webhook_deliveries where id < app.uuidv7_floor(now() - make_interval(days => $1)) and status <> 'pending'
        order by id limit $2)`,
      [retention_days, limit],
    );
  }

  /** Removes secrets that ended, and deleted webhooks of which no delivery is left. */
  async removeRemains(): Promise<void> {
    await this.db.queryAll([
      { text: 'delete from webhook_secrets where expires_at < now()', values: [] },
      {
        text: `delete from webhooks w where w.deleted_at is not null
          and not exists (select from webhook_deliveries d where d.webhook_id = w.id)`,
        values: [],
      },
    ]);
  }
}
