import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** People, companies, and the keys by which either is found. */
export class Contacts1700000000008 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The key by which names are compared: NFKD, marks removed, lower-case, runs of white space as one blank.
      create function app.matching_key(name text) returns text language sql immutable strict parallel safe
        as $$ select btrim(regexp_replace(lower(
          regexp_replace(normalize(name, nfkd), U&'[\\0300-\\036F]+', '', 'g')), '\\s+', ' ', 'g')) $$;

      -- The key of one channel, from the value as it is stored; null for kinds that nothing is found by. The same rule as
      -- channelKey of the contacts room.
      create function app.channel_key(kind text, value text) returns text language sql immutable strict parallel safe
        as $$ select nullif(case kind
          when 'email' then value
          when 'phone' then regexp_replace(split_part(value, ';ext=', 1), '[^0-9]+', '', 'g')
          when 'url' then regexp_replace(regexp_replace(split_part(value, '#', 1), '^https?://(www\\.)?', ''), '/$', '')
        end, '') $$;

      create table companies (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        external_id text,
        name text not null,
        name_key text generated always as (app.matching_key(name)) stored,
        domains text[] not null default '{}',
        domain text generated always as (domains[1]) stored,
        website text,
        industry text,
        employee_count integer,
        annual_revenue numeric,
        currency text,
        description text,
        parent_company_id uuid,
        owner_user_id uuid,
        tags text[] not null default '{}',
        attributes jsonb not null default '{}',
        merged_into uuid,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint companies_pkey primary key (workspace_id, id),
        constraint companies_external_id_key unique (workspace_id, external_id),
        constraint companies_parent_company_id_fkey foreign key (workspace_id, parent_company_id)
          references companies (workspace_id, id) on delete set null (parent_company_id),
        constraint companies_owner_user_id_fkey foreign key (workspace_id, owner_user_id)
          references memberships (workspace_id, user_id) on delete set null (owner_user_id),
        constraint companies_merged_into_fkey foreign key (workspace_id, merged_into)
          references companies (workspace_id, id) on delete set null (merged_into),
        constraint companies_external_id_check check (length(external_id) between 1 and 255),
        constraint companies_name_check check (length(name) between 1 and 255),
        constraint companies_domains_check check (cardinality(domains) <= 50),
        constraint companies_website_check check (length(website) <= 2048),
        constraint companies_industry_check check (length(industry) between 1 and 255),
        constraint companies_employee_count_check check (employee_count >= 0),
        constraint companies_annual_revenue_check check (abs(annual_revenue) < 1e15 and scale(annual_revenue) <= 4),
        constraint companies_currency_check check (currency ~ '^[A-Z]{3}$'),
        constraint companies_description_check check (length(description) <= 20000),
        constraint companies_parent_company_id_check check (parent_company_id <> id),
        constraint companies_tags_check check (cardinality(tags) <= 100),
        constraint companies_attributes_check check (jsonb_typeof(attributes) = 'object'),
        constraint companies_merged_into_check check (merged_into is null or (deleted_at is not null and merged_into <> id))
      );
      select app.protect('companies');
      select app.subject('companies', 'company');
      create index companies_created_at_idx on companies (workspace_id, created_at desc, id desc) where deleted_at is null;
      create index companies_updated_at_idx on companies (workspace_id, updated_at desc, id desc) where deleted_at is null;
      create index companies_name_idx on companies (workspace_id, name, id) where deleted_at is null;
      create index companies_name_key_idx on companies (workspace_id, name_key) where deleted_at is null;
      create index companies_parent_company_id_idx on companies (workspace_id, parent_company_id);
      create index companies_owner_user_id_idx on companies (workspace_id, owner_user_id);
      create index companies_industry_idx on companies (workspace_id, industry);
      create index companies_employee_count_idx on companies (workspace_id, employee_count);
      create index companies_merged_into_idx on companies (workspace_id, merged_into) where merged_into is not null;
    `);
    await runner.query(`
      create table contacts (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        external_id text,
        first_name text,
        last_name text,
        name text generated always as (coalesce(first_name || ' ' || last_name, first_name, last_name)) stored,
        last_name_key text generated always as (app.matching_key(last_name)) stored,
        title text,
        company_id uuid,
        owner_user_id uuid,
        -- Ordered; the first of a kind is the primary one.
        channels jsonb not null default '[]',
        email text generated always as (jsonb_path_query_first(channels, '$[*] ? (@.kind == "email").value') #>> '{}') stored,
        phone text generated always as (jsonb_path_query_first(channels, '$[*] ? (@.kind == "phone").value') #>> '{}') stored,
        tags text[] not null default '{}',
        attributes jsonb not null default '{}',
        merged_into uuid,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint contacts_pkey primary key (workspace_id, id),
        constraint contacts_external_id_key unique (workspace_id, external_id),
        constraint contacts_company_id_fkey foreign key (workspace_id, company_id)
          references companies (workspace_id, id) on delete set null (company_id),
        constraint contacts_owner_user_id_fkey foreign key (workspace_id, owner_user_id)
          references memberships (workspace_id, user_id) on delete set null (owner_user_id),
        constraint contacts_merged_into_fkey foreign key (workspace_id, merged_into)
          references contacts (workspace_id, id) on delete set null (merged_into),
        constraint contacts_external_id_check check (length(external_id) between 1 and 255),
        constraint contacts_first_name_check check (length(first_name) between 1 and 255),
        constraint contacts_last_name_check check (length(last_name) between 1 and 255),
        constraint contacts_title_check check (length(title) between 1 and 255),
        constraint contacts_channels_check check (jsonb_typeof(channels) = 'array' and jsonb_array_length(channels) <= 50),
        constraint contacts_identity_check check (
          first_name is not null or last_name is not null or external_id is not null or channels <> '[]'),
        constraint contacts_tags_check check (cardinality(tags) <= 100),
        constraint contacts_attributes_check check (jsonb_typeof(attributes) = 'object'),
        constraint contacts_merged_into_check check (merged_into is null or (deleted_at is not null and merged_into <> id))
      );
      select app.protect('contacts');
      select app.subject('contacts', 'contact');
      create index contacts_created_at_idx on contacts (workspace_id, created_at desc, id desc) where deleted_at is null;
      create index contacts_updated_at_idx on contacts (workspace_id, updated_at desc, id desc) where deleted_at is null;
      create index contacts_last_name_idx on contacts (workspace_id, coalesce(last_name, ''), id) where deleted_at is null;
      create index contacts_first_name_idx on contacts (workspace_id, coalesce(first_name, ''), id) where deleted_at is null;
      create index contacts_last_name_key_idx on contacts (workspace_id, last_name_key)
        where deleted_at is null and last_name_key is not null;
      create index contacts_company_id_idx on contacts (workspace_id, company_id);
      create index contacts_owner_user_id_idx on contacts (workspace_id, owner_user_id);
      create index contacts_merged_into_idx on contacts (workspace_id, merged_into) where merged_into is not null;
    `);
    await runner.query(`
      -- Every address and domain of the records that are not deleted. Matching compares texts by a B-tree, which row-level
      -- security allows; operators on arrays and jsonb could not use an index.
      create table lookup_keys (
        workspace_id uuid not null,
        subject_type text not null,
        subject_id uuid not null,
        kind text not null,
        key text not null,
        constraint lookup_keys_pkey primary key (workspace_id, subject_id, kind, key),
        constraint lookup_keys_subject_fkey foreign key (workspace_id, subject_type, subject_id)
          references subjects (workspace_id, type, id) on delete cascade,
        constraint lookup_keys_kind_check check (kind in ('email', 'phone', 'domain', 'url'))
      );
      select app.protect('lookup_keys');
      create index lookup_keys_key_idx on lookup_keys (workspace_id, subject_type, kind, key, subject_id);

      -- Triggers of one event run in the order of their names: these come after contacts_subject_added, whose row the keys
      -- refer to.
      create function app.contacts_subject_keys_added() returns trigger language plpgsql as $$
      begin
        insert into lookup_keys (workspace_id, subject_type, subject_id, kind, key)
          select a.workspace_id, 'contact', a.id, c.kind, app.channel_key(c.kind, c.value)
          from added a cross join jsonb_to_recordset(a.channels) as c (kind text, value text)
          where a.deleted_at is null and app.channel_key(c.kind, c.value) is not null
          on conflict do nothing;
        return null;
      end $$;
      create trigger contacts_subject_keys_added after insert on contacts referencing new table as added
        for each statement execute function app.contacts_subject_keys_added();

      create function app.contacts_subject_keys_changed() returns trigger language plpgsql as $$
      begin
        delete from lookup_keys k where k.workspace_id = new.workspace_id and k.subject_id = new.id
          and (new.deleted_at is not null or (k.kind, k.key) not in (
            select c.kind, app.channel_key(c.kind, c.value) from jsonb_to_recordset(new.channels) as c (kind text, value text)
            where app.channel_key(c.kind, c.value) is not null));
        insert into lookup_keys (workspace_id, subject_type, subject_id, kind, key)
          select new.workspace_id, 'contact', new.id, c.kind, app.channel_key(c.kind, c.value)
          from jsonb_to_recordset(new.channels) as c (kind text, value text)
          where new.deleted_at is null and app.channel_key(c.kind, c.value) is not null
          on conflict do nothing;
        return null;
      end $$;
      create trigger contacts_subject_keys_changed after update on contacts for each row
        when (old.channels is distinct from new.channels or old.deleted_at is distinct from new.deleted_at)
        execute function app.contacts_subject_keys_changed();

      create function app.companies_subject_keys_added() returns trigger language plpgsql as $$
      begin
        insert into lookup_keys (workspace_id, subject_type, subject_id, kind, key)
          select a.workspace_id, 'company', a.id, 'domain', d.domain
          from added a cross join unnest(a.domains) as d (domain) where a.deleted_at is null
          on conflict do nothing;
        return null;
      end $$;
      create trigger companies_subject_keys_added after insert on companies referencing new table as added
        for each statement execute function app.companies_subject_keys_added();

      create function app.companies_subject_keys_changed() returns trigger language plpgsql as $$
      begin
        delete from lookup_keys k where k.workspace_id = new.workspace_id and k.subject_id = new.id
          and (new.deleted_at is not null or k.key <> all (new.domains));
        insert into lookup_keys (workspace_id, subject_type, subject_id, kind, key)
          select new.workspace_id, 'company', new.id, 'domain', d.domain from unnest(new.domains) as d (domain)
          where new.deleted_at is null
          on conflict do nothing;
        return null;
      end $$;
      create trigger companies_subject_keys_changed after update on companies for each row
        when (old.domains is distinct from new.domains or old.deleted_at is distinct from new.deleted_at)
        execute function app.companies_subject_keys_changed();
    `);
  }
}
