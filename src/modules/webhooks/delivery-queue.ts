import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Jobs } from '../../platform/jobs/jobs.js';
import { DeliveriesRepository, type NewDelivery } from './deliveries.repository.js';

/** The kind of job that sends a delivery. */
export const DELIVER = 'webhooks.deliver';

/** What the job is given. */
export interface DeliverPayload {
  readonly delivery_id: string;
  readonly webhook_id: string;
}

const MAX_AT_ONCE = 1_000;

/**
 * A delivery and the job that sends it are written in one transaction, so that neither is ever without the other. The
 * endpoint is the job's lane: one that is slow fills its own lane and nobody else's.
 */
@Injectable()
export class DeliveryQueue {
  constructor(
    private readonly deliveries: DeliveriesRepository,
    private readonly jobs: Jobs,
  ) {}

  /** Adds deliveries in the open transaction; returns how many were new. */
  async add(wanted: readonly Omit<NewDelivery, 'id'>[]): Promise<string[]> {
    const added: string[] = [];
    for (let from = 0; from < wanted.length; from += MAX_AT_ONCE) {
      const rows = wanted.slice(from, from + MAX_AT_ONCE).map((delivery) => ({ ...delivery, id: uuidv7() }));
      const inserted = await this.deliveries.insert(rows);
      await this.send(inserted);
      added.push(...inserted.map(({ id }) => id));
    }
    return added;
  }

  /** Lets deliveries be tried at once. One job per delivery is waiting at most. */
  async send(deliveries: readonly { readonly id: string; readonly webhook_id: string }[]): Promise<void> {
    await this.jobs.enqueueMany(
      DELIVER,
      deliveries.map(({ id, webhook_id }) => ({
        payload: { delivery_id: id, webhook_id } satisfies DeliverPayload,
        lane: webhook_id,
        key: id,
      })),
    );
  }
}
