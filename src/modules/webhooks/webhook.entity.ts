import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PayloadForm } from './render-message.js';
import type { Retry } from './retry-schedule.js';

/** Why an endpoint gets nothing: somebody switched it off, it answered 410, or it failed for days. */
export type DisabledReason = 'manual' | 'gone' | 'failing';

/** An endpoint of somebody who wants to be told of events. */
@Entity('webhooks')
export class Webhook {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') name!: string;
  @Column('text') url!: string;
  /** `contact.created`, `contact.*` or `*`. */
  @Column('text', { array: true }) event_types!: string[];
  @Column('text') payload_form!: PayloadForm;
  @Column('text') retry!: Retry;
  /** Sealed JSON of the endpoint's own headers; null: none. */
  @Column('bytea', { nullable: true }) headers!: Buffer | null;
  @Column('integer') timeout_ms!: number;
  /** Exchanges under way at a time, over all processes. */
  @Column('integer') max_in_flight!: number;
  @Column('integer', { nullable: true }) per_second!: number | null;
  @Column('boolean') is_active!: boolean;
  @Column('text', { nullable: true }) disabled_reason!: DisabledReason | null;
  /** The first failed attempt since the last success. */
  @Column('timestamptz', { nullable: true }) failing_since!: string | null;
  @Column('integer') failed_attempts!: number;
  @Column('boolean') is_failing_told!: boolean;
  /** Bounds the exchanges under way after an overload, until successes have doubled it back. */
  @Column('integer', { nullable: true }) in_flight_limit!: number | null;
  @Column('timestamptz', { nullable: true }) paused_until!: string | null;
  /** The next free place of an endpoint with a limit per second. */
  @Column('timestamptz', { nullable: true }) next_send_at!: string | null;
  @Column('timestamptz') created_at!: string;
  @Column('timestamptz') updated_at!: string;
  @Column('timestamptz', { nullable: true }) deleted_at!: string | null;
}
