import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Answers kept for 24 hours, so that a repeated request is replayed and not repeated. */
export class Requests1700000000007 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table idempotency_keys (
        workspace_id uuid not null,
        principal_id uuid not null,
        key text not null,
        fingerprint bytea not null,
        answer bytea not null,
        created_at timestamptz not null default now(),
        constraint idempotency_keys_pkey primary key (workspace_id, principal_id, key),
        constraint idempotency_keys_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade
      );
      create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
      select app.protect('idempotency_keys', system => true);
    `);
  }
}
