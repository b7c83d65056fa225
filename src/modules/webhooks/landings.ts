import { Injectable } from '@nestjs/common';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import type { Job } from '../../platform/jobs/job.js';
import { EndpointTurns } from './endpoint-turns.js';
import { FlightsRepository, type Landing } from './flights.repository.js';

interface Arrival {
  readonly job: Pick<Job, 'complete'>;
  readonly landing: Landing;
  readonly settle: (stored: Promise<void>) => void;
}

/**
 * A commit per delivery is what recording costs. Successes that change nothing but their delivery are therefore recorded
 * together: those that arrive while a transaction is on its way share the next one. When a group fails, because one of its
 * leases is lost, each is recorded by itself.
 */
@Injectable()
export class Landings {
  private readonly gates = new Map<string, Arrival[]>();

  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly flights: FlightsRepository,
    private readonly turns: EndpointTurns,
  ) {}

  /** Records a success and ends its job. @throws {LeaseLost} when another worker has the job. */
  record(job: Pick<Job, 'complete'>, landing: Landing): Promise<void> {
    const workspace_id = this.context.workspaceId();
    return new Promise((resolve) => {
      const arrival = { job, landing, settle: resolve };
      const waiting = this.gates.get(workspace_id);
      if (waiting) waiting.push(arrival);
      else {
        this.gates.set(workspace_id, [arrival]);
        queueMicrotask(() => void this.work(workspace_id));
      }
    });
  }

  private async work(workspace_id: string): Promise<void> {
    for (;;) {
      const group = this.gates.get(workspace_id) ?? [];
      if (group.length === 0) break;
      this.gates.set(workspace_id, []);
      const stored = this.store(group);
      await stored.catch(() => undefined);
      for (const { job, landing, settle } of group) settle(stored.catch(() => this.storeOne(job, landing)));
    }
    this.gates.delete(workspace_id);
  }

  private store(group: readonly Arrival[]): Promise<void> {
    return this.db.transaction(async () => {
      this.db.afterCommit(() => group.forEach(({ landing }) => this.turns.pass(landing.webhook_id)));
      const written = this.flights.land(group.map(({ landing }) => landing));
      await Promise.all([written, ...group.map(({ job }) => job.complete(() => Promise.resolve()))]);
    });
  }

  private storeOne(job: Pick<Job, 'complete'>, landing: Landing): Promise<void> {
    return job.complete(async () => {
      this.db.afterCommit(() => this.turns.pass(landing.webhook_id));
      await this.flights.land([landing]);
    });
  }
}
