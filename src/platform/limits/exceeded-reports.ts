import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Context, type RequestContext } from '../context/context.js';
import { SystemDatabase } from '../database/system-database.js';
import { Events } from '../events/events.js';
import { bucketName, LeaseStore } from './lease-store.js';
import { Limiter } from './limiter.js';
import type { Policy } from './policy.js';

/** Publishes `limit.exceeded` in the caller's workspace, at most once per bucket and hour for all processes together. */
@Injectable()
export class ExceededReports implements OnModuleInit {
  private readonly logger = new Logger('limits');
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    private readonly limiter: Limiter,
    private readonly store: LeaseStore,
    private readonly system: SystemDatabase,
    private readonly context: Context,
    private readonly events: Events,
  ) {}

  onModuleInit(): void {
    this.limiter.onExceeded((policy) => {
      const context = this.context.find();
      // An address or an account that nobody is behind yet belongs to no workspace.
      if (!context?.principal) return;
      const report: Promise<void> = this.report(policy, context, context.principal)
        .catch((error: unknown) => this.logger.warn(`an exceeded limit was not reported: ${String(error)}`))
        .finally(() => this.underWay.delete(report));
      this.underWay.add(report);
    });
  }

  /** Waits for what is being written. */
  async drain(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private report(
    policy: Policy,
    context: RequestContext,
    principal: NonNullable<RequestContext['principal']>,
  ): Promise<void> {
    const { via, request_id, ip, user_agent, depth } = context;
    return this.system.transaction(async () => {
      if (!(await this.store.noticeExceeded(bucketName(policy)))) return;
      await this.system.inWorkspace(principal, { via, request_id, ip, user_agent, depth }, () => {
        const { name, q, w } = policy;
        const data = { id: principal.workspace_id, policy: name, limit: q, window_s: w, principal_id: principal.id };
        this.events.publish('limit.exceeded', { subject_id: principal.workspace_id, data });
        return Promise.resolve();
      });
    });
  }
}
