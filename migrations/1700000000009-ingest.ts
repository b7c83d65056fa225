import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Runs that bring data in, and what became of each of their rows. */
export class Ingest1700000000009 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table ingest_runs (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        source text not null,
        format text,
        entity text,
        mapping jsonb,
        options jsonb not null default '{}',
        is_dry_run boolean not null default false,
        status text not null default 'pending',
        file_name text,
        media_type text,
        size_bytes bigint not null,
        sha256 text not null,
        fingerprint text not null,
        has_file boolean not null default true,
        record_count integer not null default 0,
        created integer not null default 0,
        updated integer not null default 0,
        unchanged integer not null default 0,
        skipped integer not null default 0,
        errors integer not null default 0,
        position integer not null default 0,
        report jsonb not null default '{}',
        actor jsonb not null,
        started_at timestamptz,
        finished_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint ingest_runs_pkey primary key (workspace_id, id),
        constraint ingest_runs_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade,
        constraint ingest_runs_status_check check (status in ('pending', 'running', 'completed', 'failed', 'cancelled'))
      );
      create index ingest_runs_created_at_idx on ingest_runs (workspace_id, created_at desc, id desc);
      create index ingest_runs_fingerprint_idx on ingest_runs (workspace_id, fingerprint, created_at);
      select app.protect('ingest_runs');

      create table ingest_rows (
        workspace_id uuid not null,
        run_id uuid not null,
        row integer not null,
        line integer not null,
        outcome text not null,
        entity_type text not null,
        entity_id uuid,
        digest text,
        diagnostics jsonb not null default '[]',
        constraint ingest_rows_pkey primary key (workspace_id, run_id, row),
        constraint ingest_rows_run_id_fkey foreign key (workspace_id, run_id)
          references ingest_runs (workspace_id, id) on delete cascade,
        constraint ingest_rows_outcome_check check (outcome in ('created', 'updated', 'unchanged', 'skipped', 'failed'))
      );
      create index ingest_rows_outcome_idx on ingest_rows (workspace_id, run_id, outcome, row);
      create index ingest_rows_digest_idx on ingest_rows (workspace_id, digest) where digest is not null;
      select app.protect('ingest_rows');
    `);
  }
}
