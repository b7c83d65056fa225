import { Column, Entity, PrimaryColumn } from 'typeorm';

export const ATTEMPT_OUTCOMES = ['succeeded', 'failed', 'interrupted'] as const;

/** One exchange with the receiver, or one that was cut off before its result was recorded. Never changed. */
@Entity('webhook_attempts')
export class WebhookAttempt {
  @PrimaryColumn('uuid') delivery_id!: string;
  @PrimaryColumn('integer') number!: number;
  @Column('timestamptz') started_at!: string;
  @Column('integer', { nullable: true }) duration_ms!: number | null;
  @Column('integer', { nullable: true }) status_code!: number | null;
  @Column('text') outcome!: (typeof ATTEMPT_OUTCOMES)[number];
  @Column('text', { nullable: true }) error!: string | null;
  @Column('text', { nullable: true }) detail!: string | null;
  @Column('timestamptz', { nullable: true }) next_attempt_at!: string | null;
  @Column('jsonb', { nullable: true }) response_headers!: Record<string, string> | null;
  @Column('text', { nullable: true }) response_body!: string | null;
  @Column('boolean') is_truncated!: boolean;
  @Column('text') sent_url!: string;
}
