import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Why there is a delivery: an event happened, somebody asked for it again, for what was missed, or for a test. */
export const TRIGGERS = ['event', 'replay', 'recover', 'test'] as const;

export type Trigger = (typeof TRIGGERS)[number];

export const DELIVERY_STATUSES = ['pending', 'succeeded', 'dead', 'cancelled'] as const;

export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One event on its way to one webhook. */
@Entity('webhook_deliveries')
export class WebhookDelivery {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') webhook_id!: string;
  /** Also the `webhook-id` on the wire. */
  @Column('uuid') event_id!: string;
  @Column('text') event_type!: string;
  @Column('text') trigger!: Trigger;
  @Column('text') status!: DeliveryStatus;
  /** Why it is dead or cancelled. */
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('integer') attempts!: number;
  @Column('timestamptz', { nullable: true }) next_attempt_at!: string | null;
  @Column('uuid', { nullable: true }) replay_of!: string | null;
  @Column('timestamptz') created_at!: string;
  @Column('timestamptz', { nullable: true }) finished_at!: string | null;
}
