import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Work that must happen, and the housekeeping that one process at a time does. */
export class Jobs1700000000004 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Names compare by byte, so that the claim can jump behind all lanes of a kind by one greatest text.
      create table jobs (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        kind text collate "C" not null,
        lane text collate "C" not null,
        key text collate "C",
        payload jsonb not null default '{}',
        actor jsonb not null,
        via text not null,
        depth smallint not null default 0,
        request_id text,
        state text collate "C" not null,
        run_at timestamptz not null default now(),
        attempt integer not null default 0,
        max_attempts integer not null default 10,
        token bigint not null default 0,
        lease_until timestamptz,
        leased_by text,
        last_error text,
        cancelled_at timestamptz,
        parked_at timestamptz,
        created_at timestamptz not null default now(),
        constraint jobs_pkey primary key (workspace_id, id),
        constraint jobs_state_check check (state in ('waiting', 'ready', 'leased', 'parked')),
        constraint jobs_lease_check check ((state = 'leased') = (lease_until is not null)),
        constraint jobs_kind_check check (length(kind) between 1 and 100),
        constraint jobs_lane_check check (length(lane) between 1 and 200),
        constraint jobs_key_check check (length(key) between 1 and 400)
      ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

      -- The claim's order. The kind stands before the lane because what a lane may hold depends on its kind.
      create index jobs_ready_idx on jobs (workspace_id, kind, lane, run_at, id) where state = 'ready';
      create index jobs_waiting_idx on jobs (run_at) where state = 'waiting';
      create index jobs_leased_idx on jobs (lease_until) where state = 'leased';
      create index jobs_parked_idx on jobs (parked_at) where state = 'parked';
      -- At most one job of a key has not started, at most one is under way.
      create unique index jobs_pending_key on jobs (workspace_id, kind, key) where key is not null and state in ('waiting', 'ready');
      create unique index jobs_leased_key on jobs (workspace_id, kind, key) where key is not null and state = 'leased';
      select app.protect('jobs', system => true);

      -- When each housekeeping method is due, and which process is at it.
      create table scheduled_runs (
        name text not null,
        run_at timestamptz not null,
        leased_until timestamptz,
        leased_by uuid,
        constraint scheduled_runs_pkey primary key (name)
      );
      grant select, insert, update, delete on scheduled_runs to engawa_system;
    `);
  }
}
