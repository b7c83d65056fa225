import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Roles' rights, the workspace wall, ids, and the registry of records that anything may point at. */
export class Foundation1700000000001 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create extension if not exists pg_trgm with schema public;
      create extension if not exists btree_gin with schema public;

      create schema app;
      grant usage on schema app, public to engawa_app, engawa_system;
      revoke create on schema public from public;

      -- After SET LOCAL the setting is '' and not null, hence nullif.
      create function app.workspace_id() returns uuid
        language sql stable parallel safe
        as $$ select nullif(current_setting('app.workspace_id', true), '')::uuid $$;
    `);
    await runner.query(`
      do $do$
      begin
        if exists (select from pg_proc where proname = 'uuidv7' and pronamespace = 'pg_catalog'::regnamespace) then
          execute 'create function app.uuidv7() returns uuid language sql volatile parallel safe as ''select pg_catalog.uuidv7()''';
        else
          -- RFC 9562, section 5.7: 48 bits of milliseconds, version 7, the rest random.
          execute $fn$
            create function app.uuidv7() returns uuid language sql volatile parallel safe as $$
              select encode(
                set_bit(set_bit(overlay(
                  uuid_send(gen_random_uuid())
                  placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                  from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
            $$
          $fn$;
        end if;
      end $do$;

      -- The wall: one call in the migration that makes a table of workspaces. Policies are the same for every role but the
      -- staff role, which sees platform tables only ("system").
      create function app.protect(target text, system boolean default false) returns void language plpgsql as $$
      begin
        execute format('alter table %I alter column workspace_id set not null, alter column workspace_id set default app.workspace_id()', target);
        execute format('alter table %I enable row level security, force row level security', target);
        execute format('create policy %I on %I using (workspace_id = (select app.workspace_id())) with check (workspace_id = (select app.workspace_id()))', target || '_workspace', target);
        execute format('grant select, insert, update, delete on %I to engawa_app', target);
        if system then
          execute format('create policy %I on %I to engawa_system using (true) with check (true)', target || '_system', target);
          execute format('grant select, insert, update, delete on %I to engawa_system', target);
        end if;
      end $$;

      -- One row for every record that notes, files, edges and events may point at, so that such a pointer is a real key.
      create table subjects (
        workspace_id uuid not null,
        id uuid not null,
        type text not null,
        name text,
        deleted_at timestamptz,
        constraint subjects_pkey primary key (workspace_id, id),
        constraint subjects_type_key unique (workspace_id, type, id)
      );
      select app.protect('subjects');

      -- Keeps subjects for one table of records. The table has id, name and deleted_at.
      create function app.subject(target text, subject_type text) returns void language plpgsql as $$
      begin
        execute format($fn$
          create function app.%1$I() returns trigger language plpgsql as $body$
          begin
            insert into subjects (workspace_id, id, type, name, deleted_at)
              select workspace_id, id, %2$L, name, deleted_at from added;
            return null;
          end $body$ $fn$, target || '_subject_added', subject_type);
        execute format('create trigger %I after insert on %I referencing new table as added for each statement execute function app.%I()',
          target || '_subject_added', target, target || '_subject_added');
        execute format($fn$
          create function app.%1$I() returns trigger language plpgsql as $body$
          begin
            if tg_op = 'DELETE' then
              delete from subjects where workspace_id = old.workspace_id and id = old.id;
            else
              update subjects set name = new.name, deleted_at = new.deleted_at
                where workspace_id = new.workspace_id and id = new.id;
            end if;
            return null;
          end $body$ $fn$, target || '_subject_changed');
        execute format('create trigger %I after delete on %I for each row execute function app.%I()',
          target || '_subject_removed', target, target || '_subject_changed');
        execute format('create trigger %I after update on %I for each row when (old.name is distinct from new.name or old.deleted_at is distinct from new.deleted_at) execute function app.%I()',
          target || '_subject_changed', target, target || '_subject_changed');
      end $$;

      -- How many migrations have run; the process compares it with its own history.
      create function app.migration_count() returns integer language sql stable security definer
        set search_path = pg_catalog, public as $$ select count(*)::integer from engawa_migrations $$;

      -- What this installation knows about itself: a row per fact.
      create table installation (name text primary key, value jsonb not null);
      grant select, insert, update on installation to engawa_system;
    `);
  }
}
