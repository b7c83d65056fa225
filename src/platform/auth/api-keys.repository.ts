import { Injectable } from '@nestjs/common';
import type { Permission, Role } from '../../contracts/permissions.js';
import type { Burst } from '../context/principal.js';
import { constrained } from '../database/constraints.js';
import { Database } from '../database/database.js';
import { ListQuery } from '../database/list-query.js';
import { Invalid } from '../errors/contract-problems.js';
import type { ListRequest, Page } from '../http/listing.js';
import type { IssuedKey } from './api-key.js';

/** A key as everyone may see it; of its secret only a hash is kept, which never leaves this room. */
export interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly role: Role;
  /** Null: all that the role may do. */
  readonly scopes: readonly Permission[] | null;
  readonly user_id: string | null;
  readonly rate_limit_per_minute: number | null;
  readonly burst: Burst | null;
  readonly allowed_networks: readonly string[] | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What its maker decides about a key. */
export type ApiKeyChoice = Pick<
  ApiKeyRow,
  'name' | 'role' | 'scopes' | 'user_id' | 'rate_limit_per_minute' | 'burst' | 'allowed_networks' | 'expires_at'
>;

/** The key that comes with a new workspace: all that an owner may, for nobody in particular. */
export const PLAIN_OWNER_KEY: ApiKeyChoice = {
  name: 'First owner key',
  role: 'owner',
  scopes: null,
  user_id: null,
  rate_limit_per_minute: null,
  burst: null,
  allowed_networks: null,
  expires_at: null,
};

const COLUMNS = `id, name, prefix, role, scopes, user_id, rate_limit_per_minute, burst,
  allowed_networks::text[] as allowed_networks, expires_at, revoked_at, last_used_at, created_at, updated_at`;

/** The keys of the caller's workspace. */
@Injectable()
export class ApiKeysRepository {
  constructor(private readonly db: Database) {}

  page(request: ListRequest): Promise<Page<ApiKeyRow>> {
    const query = new ListQuery({ table: 'api_keys', columns: COLUMNS }, request, false);
    return query.read<ApiKeyRow>(this.db);
  }

  async find(id: string): Promise<ApiKeyRow | undefined> {
    const [row] = await this.db.readRows<ApiKeyRow>(`select ${COLUMNS} from api_keys where id = $1`, [id]);
    return row;
  }

  async lock(id: string): Promise<ApiKeyRow | undefined> {
    const [row] = await this.db.query<ApiKeyRow>(`select ${COLUMNS} from api_keys where id = $1 for update`, [id]);
    return row;
  }

  /** @throws {Invalid} when `user_id` is no member of the workspace. */
  async insert(key: IssuedKey, choice: ApiKeyChoice): Promise<ApiKeyRow> {
    return this.one(
      `insert into api_keys (name, role, scopes, user_id, rate_limit_per_minute, burst, allowed_networks, expires_at,
         prefix, secret_sha256)
       select $1, $2, $3::text[], $4::uuid, $5, $6::jsonb, ${NETWORKS}, $8::timestamptz, $9, $10
       where $4::uuid is null or exists (select from memberships where user_id = $4 and removed_at is null)
       returning ${COLUMNS}`,
      [...valuesOf(choice), key.prefix, key.secret_sha256],
    );
  }

  async update(id: string, choice: ApiKeyChoice): Promise<ApiKeyRow> {
    return this.one(
      `update api_keys set name = $1, role = $2, scopes = $3::text[], user_id = $4::uuid, rate_limit_per_minute = $5,
         burst = $6::jsonb, allowed_networks = ${NETWORKS}, expires_at = $8::timestamptz, updated_at = now()
       where id = $9 returning ${COLUMNS}`,
      [...valuesOf(choice), id],
    );
  }

  /** Ends a key now, or after a grace time. */
  async end(id: string, graceSeconds: number): Promise<ApiKeyRow> {
    return this.one(
      `update api_keys set updated_at = now(),
         revoked_at = case when $2::integer = 0 then now() else revoked_at end,
         expires_at = case when $2::integer = 0 then expires_at else least(expires_at, now() + make_interval(secs => $2)) end
       where id = $1 returning ${COLUMNS}`,
      [id, graceSeconds],
    );
  }

  /** Ends the keys that act for a person. */
  revokeAllOf(userId: string): Promise<ApiKeyRow[]> {
    return this.db.query<ApiKeyRow>(
      `update api_keys set revoked_at = now(), updated_at = now() where user_id = $1 and revoked_at is null
       returning ${COLUMNS}`,
      [userId],
    );
  }

  /** True when each of the networks lies within one of the others. */
  async isWithin(networks: readonly string[], others: readonly string[]): Promise<boolean> {
    const [row] = await this.db.query<{ is_within: boolean }>(
      `select bool_and(exists (select from unnest($2::inet[]) o where network(n) <<= network(o))) as is_within
       from unnest($1::inet[]) n`,
      [networks, others],
    );
    return row?.is_within === true;
  }

  private async one(text: string, values: readonly unknown[]): Promise<ApiKeyRow> {
    const foreign = () => new Invalid([{ pointer: '/user_id', detail: 'user_id must be a member of this workspace.' }]);
    const [row] = await constrained(this.db.query<ApiKeyRow>(text, values), { api_keys_user_id_fkey: foreign });
    if (!row) throw foreign();
    return row;
  }
}

/** Host bits are masked, as the type `cidr` wants it. */
const NETWORKS = `case when $7::text[] is null then null
  else array(select network(n::inet)::cidr from unnest($7::text[]) n) end`;

function valuesOf(choice: ApiKeyChoice): unknown[] {
  const { name, role, scopes, user_id, rate_limit_per_minute, burst, allowed_networks, expires_at } = choice;
  const networks = allowed_networks === null || allowed_networks.length === 0 ? null : allowed_networks;
  return [name, role, scopes, user_id, rate_limit_per_minute, burst && JSON.stringify(burst), networks, expires_at];
}
