import { Injectable } from '@nestjs/common';
import { constrained } from '../database/constraints.js';
import { Database } from '../database/database.js';
import { ListQuery } from '../database/list-query.js';
import { Conflict } from '../errors/contract-problems.js';
import type { ListRequest, Page } from '../http/listing.js';
import type { IssuerConnection } from './issuer-connections.js';
import type { GrantedRole, RoleRule } from './role-rules.js';

/** A connection as everyone in the workspace may see it; the client secret stays sealed in its row. */
export interface SsoConnectionRow {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly organization_claim: string | null;
  readonly organization_value: string | null;
  readonly algorithms: readonly string[];
  readonly jwks_uri: string | null;
  readonly client_id: string | null;
  readonly has_client_secret: boolean;
  readonly claim_map: Readonly<Record<string, string>>;
  readonly role_rules: readonly RoleRule[];
  readonly default_role: GrantedRole;
  readonly provisioning: 'none' | 'jit';
  readonly accepts_id_tokens: boolean;
  readonly is_enabled: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What its maker decides about a connection. */
export type SsoConnectionChoice = Omit<SsoConnectionRow, 'id' | 'has_client_secret' | 'created_at' | 'updated_at'>;

const COLUMNS = `id, name, issuer, audiences, organization_claim, organization_value, algorithms, jwks_uri, client_id,
  client_secret is not null as has_client_secret, claim_map, role_rules, default_role, provisioning, accepts_id_tokens,
  enabled_at is not null as is_enabled, created_at, updated_at`;

/** The identity providers of the caller's workspace, and the issuers and audiences by which their tokens find them. */
@Injectable()
export class SsoConnectionsRepository {
  constructor(private readonly db: Database) {}

  page(request: ListRequest): Promise<Page<SsoConnectionRow>> {
    const query = new ListQuery({ table: 'sso_connections', columns: COLUMNS }, request, false);
    return query.read<SsoConnectionRow>(this.db);
  }

  async find(id: string): Promise<SsoConnectionRow | undefined> {
    const [row] = await this.db.readRows<SsoConnectionRow>(`select ${COLUMNS} from sso_connections where id = $1`, [
      id,
    ]);
    return row;
  }

  async lock(id: string): Promise<SsoConnectionRow | undefined> {
    const [row] = await this.db.query<SsoConnectionRow>(
      `select ${COLUMNS} from sso_connections where id = $1 for update`,
      [id],
    );
    return row;
  }

  /** A connection in the form in which tokens are checked against it. */
  async forChecks(id: string): Promise<IssuerConnection | undefined> {
    const [row] = await this.db.readRows<IssuerConnection & { id: string }>(
      `select id as connection_id, workspace_id, ${COLUMNS} from sso_connections where id = $1`,
      [id],
    );
    return row;
  }

  /** @throws {Conflict} audience-taken */
  async insert(choice: SsoConnectionChoice): Promise<SsoConnectionRow> {
    const [row] = await this.db.query<SsoConnectionRow>(
      `insert into sso_connections (name, issuer, audiences, organization_claim, organization_value, algorithms, jwks_uri,
         client_id, claim_map, role_rules, default_role, provisioning, accepts_id_tokens, enabled_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, case when $14::boolean then now() end)
       returning ${COLUMNS}`,
      valuesOf(choice),
    );
    if (!row) throw new Error('an inserted row was not returned');
    await this.writeAudiences(row.id, choice);
    return row;
  }

  /** @throws {Conflict} audience-taken */
  async update(id: string, choice: SsoConnectionChoice): Promise<SsoConnectionRow> {
    const [row] = await this.db.query<SsoConnectionRow>(
      `update sso_connections set name = $1, issuer = $2, audiences = $3, organization_claim = $4, organization_value = $5,
         algorithms = $6, jwks_uri = $7, client_id = $8, claim_map = $9, role_rules = $10, default_role = $11,
         provisioning = $12, accepts_id_tokens = $13, updated_at = now(),
         enabled_at = case when $14::boolean then coalesce(enabled_at, now()) end
       where id = $15 returning ${COLUMNS}`,
      [...valuesOf(choice), id],
    );
    if (!row) throw new Error('a connection that was locked is gone');
    await this.db.execute('delete from sso_audiences where connection_id = $1', [id]);
    await this.writeAudiences(id, choice);
    return row;
  }

  /** @param sealed null forgets it. */
  async setClientSecret(id: string, sealed: Buffer | null): Promise<SsoConnectionRow | undefined> {
    const [row] = await this.db.query<SsoConnectionRow>(
      `update sso_connections set client_secret = $2, updated_at = now() where id = $1 returning ${COLUMNS}`,
      [id, sealed],
    );
    return row;
  }

  async delete(id: string): Promise<void> {
    await this.db.execute('delete from sso_connections where id = $1', [id]);
  }

  private async writeAudiences(
    id: string,
    { issuer, audiences, organization_value }: SsoConnectionChoice,
  ): Promise<void> {
    const written = this.db.execute(
      `insert into sso_audiences (issuer, audience, organization_value, connection_id)
       select $1, audience, $3, $4 from unnest($2::text[]) as audience`,
      [issuer, audiences, organization_value ?? '', id],
    );
    await constrained(written, {
      sso_audiences_pkey: () =>
        new Conflict(
          'audience-taken',
          'The audience is taken',
          'Tokens of this issuer for this audience and organization belong to another connection of this installation.',
        ),
    });
  }
}

function valuesOf(choice: SsoConnectionChoice): unknown[] {
  return [
    choice.name,
    choice.issuer,
    choice.audiences,
    choice.organization_claim,
    choice.organization_value,
    choice.algorithms,
    choice.jwks_uri,
    choice.client_id,
    JSON.stringify(choice.claim_map),
    JSON.stringify(choice.role_rules),
    choice.default_role,
    choice.provisioning,
    choice.accepts_id_tokens,
    choice.is_enabled,
  ];
}
