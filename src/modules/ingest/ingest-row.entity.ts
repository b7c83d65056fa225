import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What became of one row of a run: the answer to "where did my row go". */
@Entity('ingest_rows')
export class IngestRow {
  @PrimaryColumn('uuid')
  run_id!: string;

  /** 1-based, the header not counted. */
  @PrimaryColumn('integer')
  row!: number;

  /** The physical line at which the record begins. */
  @Column('integer')
  line!: number;

  @Column('text')
  outcome!: RowOutcome;

  @Column('text')
  entity_type!: string;

  @Column('uuid', { nullable: true })
  entity_id!: string | null;

  /** Of a row without a key of its own: what finds it again (record-writer.ts). */
  @Column('text', { nullable: true })
  digest!: string | null;

  @Column('jsonb')
  diagnostics!: readonly object[];
}

export type RowOutcome = 'created' | 'updated' | 'unchanged' | 'skipped' | 'failed';
