import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Actor } from '../../contracts/events.js';

/** One reading of one source. */
@Entity('ingest_runs')
export class IngestRun {
  @PrimaryColumn('uuid')
  id!: string;

  /** Where the data comes from, in the caller's words: google-contacts. */
  @Column('text')
  source!: string;

  @Column('text', { nullable: true })
  format!: string | null;

  @Column('text', { nullable: true })
  entity!: string | null;

  /** The mapping document as it was given. */
  @Column('jsonb', { nullable: true })
  mapping!: object | null;

  @Column('jsonb')
  options!: Readonly<Record<string, unknown>>;

  @Column('boolean')
  is_dry_run!: boolean;

  @Column('text')
  status!: IngestStatus;

  @Column('text', { nullable: true })
  file_name!: string | null;

  @Column('text', { nullable: true })
  media_type!: string | null;

  @Column('bigint')
  size_bytes!: number;

  @Column('text')
  sha256!: string;

  /** SHA-256 over bytes, mapping and options: the same work asked for again. */
  @Column('text')
  fingerprint!: string;

  /** False once the source was removed from storage. */
  @Column('boolean')
  has_file!: boolean;

  @Column('integer')
  record_count!: number;

  @Column('integer')
  created!: number;

  @Column('integer')
  updated!: number;

  @Column('integer')
  unchanged!: number;

  @Column('integer')
  skipped!: number;

  @Column('integer')
  errors!: number;

  /** Records done; a run goes on behind them. */
  @Column('integer')
  position!: number;

  @Column('jsonb')
  report!: IngestReport;

  @Column('jsonb')
  actor!: Actor;

  @Column('timestamptz', { nullable: true })
  started_at!: string | null;

  @Column('timestamptz', { nullable: true })
  finished_at!: string | null;

  @Column('timestamptz')
  created_at!: string;

  @Column('timestamptz')
  updated_at!: string;
}

export type IngestStatus = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';

/** What is said about the source as a whole. */
export interface IngestReport {
  readonly format?: string;
  readonly charset?: string;
  readonly delimiter?: string | null;
  readonly columns?: readonly object[];
  readonly diagnostics?: readonly object[];
  /** Why the run failed. */
  readonly failure?: string;
}
