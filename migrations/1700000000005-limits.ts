import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Rate limits: the counters that all processes share, and what a workspace and its operator set. */
export class Limits1700000000005 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- One row per bucket and window. Updates touch no indexed column and find room on their page (HOT).
      create table rate_windows (
        bucket text not null,
        window_no bigint not null,
        granted integer not null,
        last_grant integer not null,
        ends_at timestamptz not null,
        constraint rate_windows_pkey primary key (bucket, window_no),
        constraint rate_windows_granted_check check (granted >= 0)
      ) with (fillfactor = 50);
      grant select, insert, update, delete on rate_windows to engawa_system;

      -- Where a bucket stands on its own time line: the database's clock, shifted so that not all buckets turn at once.
      create function app.rate_position_ms(bucket text, w integer) returns bigint language sql volatile as $$
        select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
          + (hashtextextended(bucket, 0) % (w * 1000::bigint) + w * 1000::bigint) % (w * 1000::bigint)
      $$;

      -- Grants up to want of the q permits of the present window. The row's lock orders all processes; granted never
      -- exceeds q. ends_in_ms is rounded down and was true at some moment after the call was sent.
      create function app.lease_permits(
        of_bucket text, q integer, w integer, want integer,
        out permits integer, out granted integer, out ends_in_ms bigint, out window_no bigint
      ) language plpgsql volatile as $$
      #variable_conflict use_column
      declare
        length_ms bigint := w * 1000::bigint;
        position_ms bigint := app.rate_position_ms(of_bucket, w);
        in_window bigint := position_ms / length_ms;
        left_ms bigint := greatest(length_ms - position_ms % length_ms - 1, 0);
      begin
        insert into rate_windows as r (bucket, window_no, granted, last_grant, ends_at)
          values (of_bucket, in_window, least(want, q), least(want, q), clock_timestamp() + left_ms * interval '1 ms')
          on conflict on constraint rate_windows_pkey do update
            set last_grant = least(want, q - r.granted), granted = r.granted + least(want, q - r.granted)
            where r.granted < q
          returning r.last_grant, r.granted into permits, granted;
        permits := coalesce(permits, 0);
        granted := coalesce(granted, q);
        ends_in_ms := left_ms;
        window_no := in_window;
      end $$;

      -- Takes unused permits back, in one order for all processes, so that two of them never wait for each other.
      create function app.return_permits(buckets text[], windows bigint[], counts integer[]) returns void
        language plpgsql volatile as $$
      declare
        unused record;
      begin
        for unused in select * from unnest(buckets, windows, counts) as u (bucket, window_no, permits) order by 1, 2 loop
          update rate_windows r set granted = r.granted - unused.permits
            where r.bucket = unused.bucket and r.window_no = unused.window_no;
        end loop;
      end $$;

      -- What a workspace sets for its callers, below what the operator sets for the workspace. Null: the installation's.
      create table workspace_limits (
        workspace_id uuid not null,
        principal_per_minute integer,
        burst_q integer,
        burst_w integer,
        operator_principal_per_minute integer,
        operator_workspace_per_minute integer,
        updated_at timestamptz not null default now(),
        constraint workspace_limits_pkey primary key (workspace_id),
        constraint workspace_limits_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade,
        constraint workspace_limits_principal_check check (principal_per_minute >= 0),
        constraint workspace_limits_burst_check check ((burst_q is null) = (burst_w is null) and burst_q >= 0 and burst_w between 1 and 10),
        constraint workspace_limits_operator_check check (operator_principal_per_minute >= 0 and operator_workspace_per_minute >= 0)
      );
      select app.protect('workspace_limits', system => true);
      -- The operator's columns are out of the application's reach.
      revoke insert, update on workspace_limits from engawa_app;
      grant insert (workspace_id, principal_per_minute, burst_q, burst_w, updated_at),
            update (principal_per_minute, burst_q, burst_w, updated_at) on workspace_limits to engawa_app;

      -- When a bucket was last reported as exceeded, so that all processes together report it once an hour.
      create table limit_notices (
        bucket text not null,
        noticed_at timestamptz not null,
        constraint limit_notices_pkey primary key (bucket)
      );
      grant select, insert, update, delete on limit_notices to engawa_system;
    `);
  }
}
