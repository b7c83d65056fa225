import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Channel } from './channels.js';

/** A person. `name`, `email` and `phone` are generated from the other columns. */
@Entity('contacts')
export class ContactEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { nullable: true }) external_id!: string | null;
  @Column({ type: 'text', nullable: true, insert: false, update: false }) name!: string | null;
  @Column('text', { nullable: true }) first_name!: string | null;
  @Column('text', { nullable: true }) last_name!: string | null;
  @Column({ type: 'text', nullable: true, insert: false, update: false }) email!: string | null;
  @Column({ type: 'text', nullable: true, insert: false, update: false }) phone!: string | null;
  @Column('text', { nullable: true }) title!: string | null;
  @Column('uuid', { nullable: true }) company_id!: string | null;
  @Column('uuid', { nullable: true }) owner_user_id!: string | null;
  /** In order; the first of a kind is the primary one. */
  @Column('jsonb') channels!: Channel[];
  @Column('text', { array: true }) tags!: string[];
  @Column('jsonb') attributes!: Record<string, unknown>;
  @Column({ type: 'timestamptz', precision: 3 }) created_at!: string;
  @Column({ type: 'timestamptz', precision: 3 }) updated_at!: string;
  @Column({ type: 'timestamptz', precision: 3, nullable: true }) deleted_at!: string | null;
}
