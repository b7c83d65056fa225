import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** Who may come in: workspaces, people, memberships, API keys, identity providers, sessions. Read before a workspace is known. */
export class Access1700000000002 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table workspaces (
        id uuid not null default app.uuidv7(),
        name text not null,
        slug text not null,
        settings jsonb not null default '{}',
        suspended_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint workspaces_pkey primary key (id),
        constraint workspaces_slug_key unique (slug),
        constraint workspaces_slug_check check (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
        constraint workspaces_name_check check (length(name) between 1 and 255)
      );
      create table users (
        id uuid not null default app.uuidv7(),
        email text not null,
        name text not null,
        password_hash text,
        disabled_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint users_pkey primary key (id),
        constraint users_email_key unique (email)
      );
      create table sign_in_sessions (
        id uuid not null default app.uuidv7(),
        user_id uuid not null,
        connection_id uuid,
        refresh_hash bytea,
        family_id uuid not null default app.uuidv7(),
        ip text,
        user_agent text,
        idle_until timestamptz,
        ends_at timestamptz not null,
        revoked_at timestamptz,
        created_at timestamptz not null default now(),
        constraint sign_in_sessions_pkey primary key (id),
        constraint sign_in_sessions_user_id_fkey foreign key (user_id) references users (id) on delete cascade
      );
      create index sign_in_sessions_user_id_idx on sign_in_sessions (user_id);
      create table signing_keys (
        id text not null,
        ciphertext bytea not null,
        created_at timestamptz not null default now(),
        retired_at timestamptz,
        constraint signing_keys_pkey primary key (id)
      );
      grant select, insert, update, delete on workspaces, users, sign_in_sessions, signing_keys to engawa_system;

      create table memberships (
        workspace_id uuid not null,
        user_id uuid not null,
        role text not null,
        source text not null default 'invited',
        removed_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint memberships_pkey primary key (workspace_id, user_id),
        constraint memberships_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade,
        constraint memberships_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
        constraint memberships_role_check check (role in ('viewer', 'member', 'admin', 'owner')),
        constraint memberships_source_check check (source in ('invited', 'sso', 'scim'))
      );
      create index memberships_user_id_idx on memberships (user_id);
      select app.protect('memberships', system => true);

      create table api_keys (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        name text not null,
        prefix text not null,
        secret_sha256 bytea not null,
        role text not null,
        scopes text[],
        user_id uuid,
        rate_limit_per_minute integer,
        burst jsonb,
        allowed_networks cidr[],
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint api_keys_pkey primary key (workspace_id, id),
        constraint api_keys_prefix_key unique (prefix),
        constraint api_keys_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade,
        constraint api_keys_user_id_fkey foreign key (workspace_id, user_id) references memberships (workspace_id, user_id),
        constraint api_keys_role_check check (role in ('viewer', 'member', 'admin', 'owner')),
        constraint api_keys_rate_limit_check check (rate_limit_per_minute >= 0)
      );
      select app.protect('api_keys', system => true);

      create table sso_connections (
        workspace_id uuid not null,
        id uuid not null default app.uuidv7(),
        name text not null,
        issuer text not null,
        audiences text[] not null,
        organization_claim text,
        organization_value text,
        algorithms text[] not null default '{RS256}',
        jwks_uri text,
        client_id text,
        client_secret bytea,
        claim_map jsonb not null default '{}',
        role_rules jsonb not null default '[]',
        default_role text not null default 'viewer',
        provisioning text not null default 'none',
        domains text[] not null default '{}',
        accepts_id_tokens boolean not null default false,
        is_enforced boolean not null default false,
        enabled_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint sso_connections_pkey primary key (workspace_id, id),
        constraint sso_connections_id_key unique (id),
        constraint sso_connections_workspace_id_fkey foreign key (workspace_id) references workspaces (id) on delete cascade,
        constraint sso_connections_default_role_check check (default_role in ('viewer', 'member', 'admin')),
        constraint sso_connections_provisioning_check check (provisioning in ('none', 'jit'))
      );
      select app.protect('sso_connections', system => true);

      -- With api_keys.prefix the only keys that are unique across workspaces: the token names its connection.
      create table sso_audiences (
        issuer text not null,
        audience text not null,
        organization_value text not null default '',
        workspace_id uuid not null,
        connection_id uuid not null,
        constraint sso_audiences_pkey primary key (issuer, audience, organization_value),
        constraint sso_audiences_connection_id_fkey foreign key (workspace_id, connection_id)
          references sso_connections (workspace_id, id) on delete cascade
      );
      select app.protect('sso_audiences', system => true);

      create table identities (
        connection_id uuid not null,
        subject text not null,
        user_id uuid not null,
        created_at timestamptz not null default now(),
        constraint identities_pkey primary key (connection_id, subject),
        constraint identities_connection_id_fkey foreign key (connection_id) references sso_connections (id) on delete cascade,
        constraint identities_user_id_fkey foreign key (user_id) references users (id) on delete cascade
      );
      grant select, insert, update, delete on identities to engawa_system;
    `);
  }
}
