import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SecretKind } from './signing-secret.js';

/** What deliveries of a webhook are signed with, until it expires. */
@Entity('webhook_secrets')
export class WebhookSecret {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') webhook_id!: string;
  @Column('text') kind!: SecretKind;
  @Column('bytea') ciphertext!: Buffer;
  @Column('timestamptz') created_at!: string;
  @Column('timestamptz', { nullable: true }) expires_at!: string | null;
}
