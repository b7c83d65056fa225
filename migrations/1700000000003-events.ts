import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** The event log, its readers' positions, and the epoch that keeps positions comparable across a restore. */
export class Events1700000000003 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Log order is (epoch, tx, seq); see src/platform/events/log-reader.ts. The two halves of the salt carry 244 random bits.
      create table events (
        workspace_id uuid not null default app.workspace_id(),
        id uuid not null,
        epoch integer not null default 1,
        tx xid8 not null default pg_current_xact_id(),
        seq bigint not null generated always as identity,
        type text not null,
        subject_type text not null,
        subject_id uuid not null,
        actor_type text not null,
        actor_id uuid,
        actor_name text,
        api_key_id uuid,
        via text not null,
        depth smallint not null,
        request_id text,
        ip text,
        user_agent text,
        data jsonb,
        changes jsonb,
        is_truncated boolean not null default false,
        time timestamptz not null default clock_timestamp(),
        salt bytea default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
        constraint events_pkey primary key (workspace_id, id),
        constraint events_actor_type_check check (actor_type in ('user', 'api_key', 'system')),
        constraint events_depth_check check (depth >= 0)
      ) partition by range (id);
      create index events_log_idx on events (epoch, tx, seq);
      create index events_feed_idx on events (workspace_id, epoch, tx, seq);
      create index events_subject_idx on events (workspace_id, subject_type, subject_id, id);
      create index events_type_idx on events (workspace_id, type, id);

      -- The other records that an event is about.
      create table event_subjects (
        workspace_id uuid not null default app.workspace_id(),
        subject_id uuid not null,
        event_id uuid not null,
        constraint event_subjects_pkey primary key (workspace_id, subject_id, event_id)
      ) partition by range (event_id);

      select app.protect('events', system => true);
      select app.protect('event_subjects', system => true);
      revoke update, delete, truncate on events, event_subjects from engawa_app, engawa_system;
    `);
    await runner.query(`
      -- The smallest UUIDv7 of a moment (RFC 9562, section 5.7): months of ids are months of time.
      create function app.uuidv7_floor(moment timestamptz) returns uuid
        language sql immutable parallel safe
        as $$ select rpad(lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0'), 32, '0')::uuid $$;

      -- Row-level security does not pass from a partitioned table to a partition that is read by its own name.
      create function app.protect_partition(target text) returns void language plpgsql as $$
      begin
        execute format('alter table %I enable row level security, force row level security', target);
        execute format('create policy %I on %I using (workspace_id = (select app.workspace_id())) with check (workspace_id = (select app.workspace_id()))', target || '_workspace', target);
        execute format('revoke all on %I from public, engawa_app, engawa_system', target);
      end $$;

      -- Makes the partitions of the present month and of those ahead; a new table is filled with its checks and attached
      -- afterwards, so that writers never wait for more than the catalogue. Rows of a month that a skewed clock has already
      -- put into the default partition stay there. Only the owner may create tables, hence security definer.
      create function app.make_event_partitions(months_ahead integer default 2) returns integer
        language plpgsql security definer set search_path = public, pg_temp
        as $$
      declare
        parent text;
        month timestamptz;
        partition_name text;
        made integer := 0;
      begin
        perform pg_advisory_xact_lock(7239480243);
        foreach parent in array array['events', 'event_subjects'] loop
          for ahead in 0..least(months_ahead, 24) loop
            month := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead)) at time zone 'UTC';
            partition_name := parent || '_' || to_char(month at time zone 'UTC', 'YYYY_MM');
            continue when to_regclass('public.' || partition_name) is not null;
            begin
              execute format('create table %I (like %I including defaults including constraints including storage)', partition_name, parent);
              perform app.protect_partition(partition_name);
              execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition_name,
                app.uuidv7_floor(month), app.uuidv7_floor(((month at time zone 'UTC') + interval '1 month') at time zone 'UTC'));
              made := made + 1;
            exception when check_violation then
              raise warning 'rows of % are in the default partition already', partition_name;
            end;
          end loop;
        end loop;
        return made;
      end $$;
      revoke all on function app.make_event_partitions(integer), app.protect_partition(text) from public;
      grant execute on function app.make_event_partitions(integer) to engawa_system;

      create table events_default partition of events default;
      create table event_subjects_default partition of event_subjects default;
      select app.protect_partition('events_default'), app.protect_partition('event_subjects_default');
      select app.make_event_partitions();
    `);
    await runner.query(`
      -- What a reader takes next: rows after its position, below the horizon (no older writer is open), in log order. The
      -- planner knows no statistics of row comparisons and would sort the whole rest of the log, hence the settings.
      create function app.log_after(after_epoch integer, after_tx xid8, after_seq bigint, current_epoch integer,
          of_workspaces uuid[], of_types text[], not_types text[], max_rows integer) returns setof events
        language plpgsql stable set enable_sort = off set enable_incremental_sort = off set enable_bitmapscan = off set enable_seqscan = off
        as $$
      begin
        return query select e.* from events e
          where (e.epoch, e.tx, e.seq) > (after_epoch, after_tx, after_seq)
            and (e.epoch, e.tx) < (current_epoch, pg_snapshot_xmin(pg_current_snapshot()))
            and (of_workspaces is null or e.workspace_id = any(of_workspaces))
            and (of_types is null or e.type = any(of_types))
            and e.type <> all(not_types)
          order by e.epoch, e.tx, e.seq limit max_rows;
      end $$;

      -- The same for one workspace, by the index that begins with it, for the application role. The bounds are given twice, so
      -- that a plan made while a partition was still empty is bounded too, whichever index it took.
      create function app.feed_after(after_epoch integer, after_tx xid8, after_seq bigint, current_epoch integer,
          of_types text[], of_subject_type text, of_subject_id uuid, max_rows integer) returns setof events
        language plpgsql stable set enable_sort = off set enable_incremental_sort = off set enable_bitmapscan = off set enable_seqscan = off
        as $$
      declare
        here uuid := app.workspace_id();
      begin
        return query select e.* from events e
          where (e.workspace_id, e.epoch, e.tx, e.seq) > (here, after_epoch, after_tx, after_seq)
            and (e.workspace_id, e.epoch, e.tx) < (here, current_epoch, pg_snapshot_xmin(pg_current_snapshot()))
            and (e.epoch, e.tx, e.seq) > (after_epoch, after_tx, after_seq)
            and (e.epoch, e.tx) < (current_epoch, pg_snapshot_xmin(pg_current_snapshot()))
            and (of_types is null or e.type = any(of_types))
            and (of_subject_id is null or (e.subject_type = of_subject_type and e.subject_id = of_subject_id))
          order by e.workspace_id, e.epoch, e.tx, e.seq limit max_rows;
      end $$;

      -- The last event of the workspace below the horizon.
      create function app.feed_head(current_epoch integer) returns setof events
        language plpgsql stable set enable_sort = off set enable_incremental_sort = off set enable_bitmapscan = off set enable_seqscan = off
        as $$
      declare
        here uuid := app.workspace_id();
      begin
        return query select e.* from events e
          where (e.workspace_id, e.epoch, e.tx) < (here, current_epoch, pg_snapshot_xmin(pg_current_snapshot()))
          order by e.workspace_id desc, e.epoch desc, e.tx desc, e.seq desc limit 1;
      end $$;
      -- True when rows are committed that a reader may not take yet, because an older writer is still open.
      create function app.log_is_held(current_epoch integer) returns boolean
        language plpgsql stable set enable_sort = off set enable_incremental_sort = off set enable_bitmapscan = off set enable_seqscan = off
        as $$
      begin
        perform from events e where (e.epoch, e.tx) >= (current_epoch, pg_snapshot_xmin(pg_current_snapshot()))
          order by e.epoch, e.tx, e.seq limit 1;
        return found;
      end $$;
      revoke all on function app.log_after(integer, xid8, bigint, integer, uuid[], text[], text[], integer) from public;
      grant execute on function app.log_after(integer, xid8, bigint, integer, uuid[], text[], text[], integer) to engawa_system;

      -- Transaction ids start anew when a dump is restored into another server. The epoch counts the servers that the log
      -- has lived on; it stands in the column's default, where it costs a writer nothing.
      create function app.enter_epoch() returns integer
        language plpgsql security definer set search_path = public, pg_temp
        as $$
      declare
        here text := (select system_identifier from pg_control_system());
        known jsonb;
        epoch integer;
      begin
        perform pg_advisory_xact_lock(7239480244);
        select value into known from installation where name = 'log';
        if known is null then
          epoch := 1;
          insert into installation (name, value) values ('log', jsonb_build_object('system_identifier', here, 'epoch', epoch));
        elsif known ->> 'system_identifier' <> here then
          epoch := (known ->> 'epoch')::integer + 1;
          execute format('alter table events alter column epoch set default %s', epoch);
          update installation set value = jsonb_build_object('system_identifier', here, 'epoch', epoch) where name = 'log';
        else
          epoch := (known ->> 'epoch')::integer;
        end if;
        return epoch;
      end $$;
      revoke all on function app.enter_epoch() from public;
      grant execute on function app.enter_epoch() to engawa_system;

      -- Who holds the log back: the oldest transaction that has written and is still open, or is prepared (gid). A backend's
      -- transaction id is shown by pg_locks to everybody, its age only to its owner.
      create function app.log_holder() returns table (pid integer, gid text, age_s double precision)
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as $$
          select l.pid, p.gid, extract(epoch from clock_timestamp() - coalesce(a.xact_start, p.prepared))::double precision
          from pg_locks l
          left join pg_stat_activity a on a.pid = l.pid
          left join pg_prepared_xacts p on p.transaction = l.transactionid
          where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.pid is distinct from pg_backend_pid()
          order by age(l.transactionid) desc limit 1
        $$;
      revoke all on function app.log_holder() from public;
      grant execute on function app.log_holder() to engawa_system;

      create table event_cursors (
        consumer text not null,
        epoch integer not null,
        tx xid8 not null,
        seq bigint not null,
        last_id uuid,
        is_paused boolean not null default false,
        updated_at timestamptz not null default now(),
        constraint event_cursors_pkey primary key (consumer)
      );
      grant select, insert, update, delete on event_cursors to engawa_system;

      -- Events that a consumer has failed on, and those of the same subject that queue behind them (run_at = infinity).
      create table event_retries (
        workspace_id uuid not null,
        consumer text not null,
        event_id uuid not null,
        subject text not null,
        attempts integer not null default 0,
        run_at timestamptz not null,
        parked_at timestamptz,
        last_error text,
        created_at timestamptz not null default now(),
        constraint event_retries_pkey primary key (workspace_id, consumer, event_id),
        constraint event_retries_event_id_fkey foreign key (workspace_id, event_id) references events (workspace_id, id) on delete cascade
      );
      create index event_retries_run_at_idx on event_retries (run_at) where parked_at is null;
      create index event_retries_subject_idx on event_retries (consumer, workspace_id, subject);
      select app.protect('event_retries', system => true);
      revoke insert, update, delete on event_retries from engawa_app;
    `);
  }
}
