import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Who wants to be told of events, with which secrets, and what became of each delivery. */
export class Webhooks1700000000011 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table webhooks (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        name text not null,
        url text not null,
        event_types text[] not null default '{*}',
        payload_form text not null default 'full',
        retry text not null default 'short',
        headers bytea,
        timeout_ms integer not null default 15000,
        max_in_flight integer not null default 8,
        per_second integer,
        is_active boolean not null default true,
        disabled_reason text,
        failing_since timestamptz,
        failed_attempts integer not null default 0,
        is_failing_told boolean not null default false,
        in_flight_limit integer,
        paused_until timestamptz,
        next_send_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        deleted_at timestamptz,
        constraint webhooks_pkey primary key (workspace_id, id),
        constraint webhooks_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade,
        constraint webhooks_payload_form_check check (payload_form in ('full', 'thin')),
        constraint webhooks_retry_check check (retry in ('short', 'long')),
        constraint webhooks_timeout_ms_check check (timeout_ms between 1000 and 30000),
        constraint webhooks_max_in_flight_check check (max_in_flight between 1 and 32),
        constraint webhooks_disabled_reason_check check (disabled_reason in ('manual', 'gone', 'failing'))
      );
      create index webhooks_created_at_idx on webhooks (workspace_id, created_at desc, id desc);
      select app.protect('webhooks');

      create table webhook_secrets (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        webhook_id uuid not null,
        kind text not null,
        ciphertext bytea not null,
        created_at timestamptz not null default clock_timestamp(),
        expires_at timestamptz,
        constraint webhook_secrets_pkey primary key (workspace_id, id),
        constraint webhook_secrets_webhook_id_fkey foreign key (workspace_id, webhook_id)
          references webhooks (workspace_id, id) on delete cascade,
        constraint webhook_secrets_kind_check check (kind in ('hmac', 'ed25519'))
      );
      create index webhook_secrets_webhook_id_idx on webhook_secrets (workspace_id, webhook_id, created_at);
      select app.protect('webhook_secrets');

      create table webhook_deliveries (
        workspace_id uuid not null,
        id uuid not null,
        webhook_id uuid not null,
        event_id uuid not null,
        event_type text not null,
        trigger text not null,
        status text not null default 'pending',
        reason text,
        attempts integer not null default 0,
        next_attempt_at timestamptz,
        replay_of uuid,
        created_at timestamptz not null default now(),
        finished_at timestamptz,
        constraint webhook_deliveries_pkey primary key (workspace_id, id),
        constraint webhook_deliveries_webhook_id_fkey foreign key (workspace_id, webhook_id)
          references webhooks (workspace_id, id) on delete cascade,
        constraint webhook_deliveries_trigger_check check (trigger in ('event', 'replay', 'recover', 'test')),
        constraint webhook_deliveries_status_check check (status in ('pending', 'succeeded', 'dead', 'cancelled'))
      ) with (autovacuum_vacuum_scale_factor = 0.05);
      create unique index webhook_deliveries_event_id_key on webhook_deliveries (workspace_id, webhook_id, event_id)
        where trigger = 'event';
      create index webhook_deliveries_status_idx on webhook_deliveries (workspace_id, webhook_id, status, created_at, id);
      create index webhook_deliveries_event_id_idx on webhook_deliveries (workspace_id, webhook_id, event_id, id);
      create index webhook_deliveries_dead_idx on webhook_deliveries (workspace_id, created_at, id) where status = 'dead';
      select app.protect('webhook_deliveries');

      -- What is being sent at this moment, over all processes: it bounds the exchanges of an endpoint, and one that is found
      -- here by the next claim of its delivery was interrupted.
      create table webhook_flights (
        workspace_id uuid not null,
        webhook_id uuid not null,
        delivery_id uuid not null,
        started_at timestamptz not null,
        until timestamptz not null,
        sent_url text not null,
        constraint webhook_flights_pkey primary key (workspace_id, webhook_id, delivery_id)
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
      select app.protect('webhook_flights');

      create table webhook_attempts (
        workspace_id uuid not null default app.workspace_id(),
        delivery_id uuid not null,
        number integer not null,
        started_at timestamptz not null,
        duration_ms integer,
        status_code integer,
        outcome text not null,
        error text,
        detail text,
        next_attempt_at timestamptz,
        response_headers jsonb,
        response_body text,
        is_truncated boolean not null default false,
        sent_url text not null,
        constraint webhook_attempts_pkey primary key (workspace_id, delivery_id, number),
        constraint webhook_attempts_outcome_check check (outcome in ('succeeded', 'failed', 'interrupted'))
      ) partition by range (delivery_id);
      select app.protect('webhook_attempts');
      revoke update, delete, truncate on webhook_attempts from engawa_app;
      create table webhook_attempts_default partition of webhook_attempts default;
      select app.protect_partition('webhook_attempts_default');
    `);
    await runner.query(`
      -- Makes the partitions of this month and the next two, and drops those in which nothing is young enough to be kept.
      -- A delivery's id begins with its time. Only the owner may do so, hence security definer.
      create function app.keep_webhook_partitions(retention_days integer) returns integer
        language plpgsql security definer set search_path = public, pg_temp
        as $$
      declare
        month timestamptz;
        partition_name text;
        changed integer := 0;
      begin
        perform pg_advisory_xact_lock(7239480245);
        for ahead in 0..2 loop
          month := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead)) at time zone 'UTC';
          partition_name := 'webhook_attempts_' || to_char(month at time zone 'UTC', 'YYYY_MM');
          continue when to_regclass('public.' || partition_name) is not null;
          begin
            execute format('create table %I (like webhook_attempts including defaults including constraints including storage)', partition_name);
            perform app.protect_partition(partition_name);
            execute format('alter table webhook_attempts attach partition %I for values from (%L) to (%L)', partition_name,
              app.uuidv7_floor(month), app.uuidv7_floor(((month at time zone 'UTC') + interval '1 month') at time zone 'UTC'));
            changed := changed + 1;
          exception when check_violation then
            raise warning 'rows of % are in the default partition already', partition_name;
          end;
        end loop;
        for partition_name in
          select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = 'public.webhook_attempts'::regclass and c.relname ~ '^webhook_attempts_[0-9]{4}_[0-9]{2}$'
            and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' < now() at time zone 'UTC' - make_interval(days => greatest(retention_days, 1))
        loop
          execute format('drop table %I', partition_name);
          changed := changed + 1;
        end loop;
        return changed;
      end $$;
      revoke all on function app.keep_webhook_partitions(integer) from public;
      grant execute on function app.keep_webhook_partitions(integer) to engawa_system;
      select app.keep_webhook_partitions(30);
    `);
  }
}
