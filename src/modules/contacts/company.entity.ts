import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A company. `domain` is generated: the first of `domains`. */
@Entity('companies')
export class CompanyEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { nullable: true }) external_id!: string | null;
  @Column('text') name!: string;
  @Column({ type: 'text', nullable: true, insert: false, update: false }) domain!: string | null;
  @Column('text', { array: true }) domains!: string[];
  @Column('text', { nullable: true }) website!: string | null;
  @Column('text', { nullable: true }) industry!: string | null;
  @Column('integer', { nullable: true }) employee_count!: number | null;
  /** Exact decimal text. */
  @Column('numeric', { nullable: true }) annual_revenue!: string | null;
  /** ISO 4217. */
  @Column('text', { nullable: true }) currency!: string | null;
  @Column('text', { nullable: true }) description!: string | null;
  @Column('uuid', { nullable: true }) parent_company_id!: string | null;
  @Column('uuid', { nullable: true }) owner_user_id!: string | null;
  @Column('text', { array: true }) tags!: string[];
  @Column('jsonb') attributes!: Record<string, unknown>;
  @Column({ type: 'timestamptz', precision: 3 }) created_at!: string;
  @Column({ type: 'timestamptz', precision: 3 }) updated_at!: string;
  @Column({ type: 'timestamptz', precision: 3, nullable: true }) deleted_at!: string | null;
}
