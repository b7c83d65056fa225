import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Permission, permissionsOf, type Role, ROLES, withImplied } from '../../contracts/permissions.js';
import type { Burst, Principal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import { isAllowedFrom } from './allowed-networks.js';
import { keyMatches, keyPrefix } from './api-key.js';
import { BatchedLookUp } from './batched-look-up.js';

interface KeyRow {
  readonly prefix: string;
  readonly workspace_id: string;
  readonly id: string;
  readonly name: string;
  readonly secret_sha256: Buffer;
  readonly role: Role;
  readonly scopes: Permission[] | null;
  readonly user_id: string | null;
  readonly member_role: Role | null;
  readonly rate_limit_per_minute: number | null;
  readonly allowed_networks: string[] | null;
  readonly expires_at: string | null;
  readonly burst: Burst | null;
  readonly workspace_networks: string[] | null;
}

const FLUSH_MS = 60_000;

/** Turns an API key into the principal it stands for. A key that is revoked, expired or orphaned is simply unknown. */
@Injectable()
export class KeyAuthenticator implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('auth');
  private flushing: NodeJS.Timeout | undefined;
  private readonly keys = new BatchedLookUp<KeyRow>((prefixes) => this.findUsable(prefixes));
  private readonly byIds = new BatchedLookUp<KeyRow>((names) => this.findById(names));
  /** Last use by key id, written in the background: never a write per request. */
  private readonly used = new Map<string, { workspace_id: string; at: number }>();

  constructor(private readonly database: SystemDatabase) {}

  onModuleInit(): void {
    this.flushing = setInterval(() => void this.flushQuietly(), FLUSH_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.flushing);
    await this.flushQuietly();
  }

  async authenticate(text: string, ip: string | null): Promise<Principal | null> {
    const prefix = keyPrefix(text);
    const row = prefix === undefined ? undefined : await this.keys.find(prefix);
    if (!row || !keyMatches(text, row.secret_sha256)) return null;
    if (!isAllowedFrom(row.allowed_networks, ip) || !isAllowedFrom(row.workspace_networks, ip)) return null;
    this.used.set(row.id, { workspace_id: row.workspace_id, at: Date.now() });
    return principalOf(row);
  }

  /** The principal of a key by its id, if it is still usable: for work that goes on after the request. */
  async byId(workspaceId: string, keyId: string): Promise<Principal | null> {
    const row = await this.byIds.find(`${workspaceId} ${keyId}`);
    return row ? principalOf(row) : null;
  }

  /** Writes the times of last use that gathered since the last call; called once a minute. */
  async flushLastUsed(): Promise<void> {
    const used = [...this.used];
    this.used.clear();
    if (used.length === 0) return;
    await this.database.execute(
      `update api_keys k set last_used_at = to_timestamp(u.at / 1000.0)
       from unnest($1::uuid[], $2::uuid[], $3::double precision[]) as u (workspace_id, id, at)
       where k.workspace_id = u.workspace_id and k.id = u.id`,
      [used.map(([, { workspace_id }]) => workspace_id), used.map(([id]) => id), used.map(([, { at }]) => at)],
    );
  }

  /** A time of last use that is lost does no harm. */
  private async flushQuietly(): Promise<void> {
    try {
      await this.flushLastUsed();
    } catch (error) {
      this.logger.warn(`times of last use were not written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async findUsable(prefixes: string[]): Promise<ReadonlyMap<string, KeyRow>> {
    const rows = await this.database.query<KeyRow>(`${USABLE_KEYS} and k.prefix = any($1::text[])`, [prefixes]);
    return new Map(rows.map((row) => [row.prefix, row]));
  }

  private async findById(names: string[]): Promise<ReadonlyMap<string, KeyRow>> {
    const pairs = names.map((name) => name.split(' ', 2));
    const rows = await this.database.query<KeyRow>(
      `${USABLE_KEYS} and (k.workspace_id, k.id) in (select * from unnest($1::uuid[], $2::uuid[]))`,
      [pairs.map(([workspace]) => workspace), pairs.map(([, key]) => key)],
    );
    return new Map(rows.map((row) => [`${row.workspace_id} ${row.id}`, row]));
  }
}

/** One statement answers who is calling and whether key, person, membership and workspace still stand. */
const USABLE_KEYS = `
  select k.prefix, k.workspace_id, k.id, k.name, k.secret_sha256, k.role, k.scopes, k.user_id, m.role as member_role,
         k.rate_limit_per_minute, k.allowed_networks::text[] as allowed_networks, k.expires_at, k.burst,
         w.settings->'allowed_networks' as workspace_networks
  from api_keys k
  join workspaces w on w.id = k.workspace_id and w.suspended_at is null
  left join memberships m on m.workspace_id = k.workspace_id and m.user_id = k.user_id and m.removed_at is null
  left join users u on u.id = m.user_id and u.disabled_at is null
  where k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
    and (k.user_id is null or u.id is not null)`;

function principalOf(row: KeyRow): Principal {
  const role = weaker(row.role, row.member_role ?? row.role);
  return {
    type: 'api_key',
    id: row.id,
    name: row.name,
    workspace_id: row.workspace_id,
    user_id: row.user_id,
    api_key_id: row.id,
    session_id: null,
    role,
    permissions: narrowed(role, row.scopes),
    rate_limit_per_minute: row.rate_limit_per_minute,
    expires_at_ms: row.expires_at === null ? null : Date.parse(row.expires_at),
    burst: row.burst,
  };
}

/** What a role may do, narrowed by scopes; null scopes do not narrow. */
export function narrowed(role: Role, scopes: readonly Permission[] | null): ReadonlySet<Permission> {
  const held = permissionsOf(role);
  if (scopes === null) return held;
  return new Set([...withImplied(scopes)].filter((scope) => held.has(scope)));
}

function weaker(a: Role, b: Role): Role {
  return ROLES.indexOf(a) <= ROLES.indexOf(b) ? a : b;
}
