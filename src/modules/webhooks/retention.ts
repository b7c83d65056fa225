import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/webhooks-config.js';
import { Context } from '../../platform/context/context.js';
import { systemPrincipal } from '../../platform/context/principal.js';
import { Database } from '../../platform/database/database.js';
import { Scheduled } from '../../platform/scheduling/scheduled.decorator.js';
import { RetentionRepository } from './retention.repository.js';

const BATCH = 5_000;

/** Deliveries and attempts are kept for some weeks; the events themselves live on in the log. */
@Injectable()
export class WebhookRetention implements OnModuleInit {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly repository: RetentionRepository,
    private readonly config: WebhooksConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.repository.keepPartitions(this.config.retention_days);
  }

  @Scheduled({ name: 'webhooks.retention', every_ms: 3_600_000 })
  async expire(): Promise<void> {
    const { retention_days } = this.config;
    await this.repository.keepPartitions(retention_days);
    for (const workspace_id of await this.repository.workspaces()) {
      await this.context.runAs(systemPrincipal(workspace_id), { via: 'system' }, () => this.expireIn(retention_days));
    }
  }

  private async expireIn(retention_days: number): Promise<void> {
    for (;;) {
      const removed = await this.db.transaction(() => this.repository.removeDeliveries(retention_days, BATCH));
      if (removed < BATCH) break;
    }
    await this.db.transaction(() => this.repository.removeRemains());
  }
}
