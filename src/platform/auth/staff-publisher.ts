import { Injectable } from '@nestjs/common';
import type { EventType } from '../../contracts/events.js';
import { Context } from '../context/context.js';
import type { Principal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import type { PublishedEvent } from '../events/event-record.js';
import { Events } from '../events/events.js';

/**
 * Workspaces, people and sessions stand above workspaces and are written through the staff door; what happened to them is
 * told in the log of one workspace. This publishes there from within the open staff transaction, so that both commit together.
 */
@Injectable()
export class StaffPublisher {
  constructor(
    private readonly database: SystemDatabase,
    private readonly context: Context,
    private readonly events: Events,
  ) {}

  /** Publishes into the workspace of the principal, with everything else as the running request has it. */
  async publish(as: Principal, ...events: readonly (readonly [EventType, PublishedEvent])[]): Promise<void> {
    const { principal: _principal, ...rest } = this.context.find() ?? { via: 'system' as const };
    await this.database.inWorkspace(as, rest, () => {
      for (const [type, event] of events) this.events.publish(type, event);
      return Promise.resolve();
    });
  }
}
