import { Injectable } from '@nestjs/common';
import type { Role } from '../../contracts/permissions.js';
import { SystemDatabase } from '../database/system-database.js';
import { BatchedLookUp } from './batched-look-up.js';
import { audiencesOf, type Claims, textClaim, textsOf } from './bearer-token.js';
import type { GrantedRole, RoleRule } from './role-rules.js';

/** How a workspace knows the tokens of its identity provider. */
export interface IssuerConnection {
  readonly workspace_id: string;
  readonly connection_id: string;
  readonly name: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly organization_claim: string | null;
  readonly organization_value: string | null;
  readonly algorithms: readonly string[];
  readonly jwks_uri: string | null;
  readonly accepts_id_tokens: boolean;
  readonly is_enabled: boolean;
  readonly provisioning: 'none' | 'jit';
  readonly default_role: GrantedRole;
  readonly role_rules: readonly RoleRule[];
  /** Our field -> name of the claim that holds it; default: the same name. */
  readonly claim_map: Readonly<Record<string, string>>;
  /** Changes with every change of the connection. */
  readonly updated_at: string;
}

/** A connection with the person that the `sub` of a token stands for in it. */
export interface ConnectedPerson extends IssuerConnection {
  readonly slug: string;
  readonly workspace_networks: string[] | null;
  /** Null: this subject never signed in. */
  readonly user_id: string | null;
  readonly user_name: string | null;
  readonly role: Role | null;
  readonly source: string | null;
  /** Removed from the workspace, or disabled everywhere. */
  readonly is_barred: boolean;
  readonly claims_at: string | null;
}

const CONNECTION_COLUMNS = `c.workspace_id, c.id as connection_id, c.name, c.issuer, c.audiences, c.organization_claim,
  c.organization_value, c.algorithms, c.jwks_uri, c.accepts_id_tokens, c.enabled_at is not null as is_enabled,
  c.provisioning, c.default_role, c.role_rules, c.claim_map, c.updated_at`;

/** One statement finds the connection by issuer, audience and organization, and the person by connection and subject. */
const PEOPLE = `
  select a.place::integer, ${CONNECTION_COLUMNS}, w.slug, 
         w.settings->'allowed_networks' as workspace_networks, i.user_id, u.name as user_name, m.role, m.source,
         i.user_id is not null and (m.user_id is null or m.removed_at is not null or u.disabled_at is not null) as is_barred,
         i.claims_at
  from rows from (jsonb_to_recordset($1::jsonb) as (issuer text, audiences text[], texts text[], subject text))
    with ordinality as a(issuer, audiences, texts, subject, place)
  join sso_audiences x on x.issuer = a.issuer and x.audience = any(a.audiences)
    and (x.organization_value = '' or x.organization_value = any(a.texts))
  join sso_connections c on c.workspace_id = x.workspace_id and c.id = x.connection_id and c.enabled_at is not null
  join workspaces w on w.id = c.workspace_id and w.suspended_at is null
  left join identities i on i.connection_id = c.id and i.subject = a.subject
  left join users u on u.id = i.user_id
  left join memberships m on m.workspace_id = c.workspace_id and m.user_id = i.user_id`;

/** The identity providers of all workspaces, and who came by them. Read for every request, so that changes hold at once. */
@Injectable()
export class IssuerConnections {
  private readonly people = new BatchedLookUp<ConnectedPerson[]>((asked) => this.findPeople(asked));

  constructor(private readonly database: SystemDatabase) {}

  /**
   * The connection that the unverified claims of a token point to, or undefined when there is none or more than one.
   * @param workspace slug or id: chooses where the token would fit several workspaces.
   */
  async personOf(claims: Claims, workspace: string | undefined): Promise<ConnectedPerson | undefined> {
    const issuer = textClaim(claims, 'iss');
    const audiences = audiencesOf(claims);
    if (issuer === undefined || audiences.length === 0) return undefined;
    const subject = textClaim(claims, 'sub') ?? null;
    const found = await this.people.find(JSON.stringify({ issuer, audiences, texts: textsOf(claims), subject }));
    const fitting = (found ?? []).filter((person) => isOfOrganization(person, claims));
    const best = narrowest(fitting);
    if (new Set(best.map(({ connection_id }) => connection_id)).size <= 1) return best[0];
    const chosen = best.filter((person) => isWorkspace(person, workspace));
    return new Set(chosen.map(({ connection_id }) => connection_id)).size === 1 ? chosen[0] : undefined;
  }

  /** Whether a connection still vouches for people. */
  async isEnabled(workspace_id: string, connection_id: string): Promise<boolean> {
    const rows = await this.database.query(
      'select 1 from sso_connections where workspace_id = $1 and id = $2 and enabled_at is not null',
      [workspace_id, connection_id],
    );
    return rows.length > 0;
  }

  private async findPeople(asked: string[]): Promise<ReadonlyMap<string, ConnectedPerson[]>> {
    const rows = await this.database.query<ConnectedPerson & { place: number }>(PEOPLE, [`[${asked.join(',')}]`]);
    const found = new Map<string, ConnectedPerson[]>();
    for (const row of rows) {
      const key = asked[row.place - 1] ?? '';
      const known = found.get(key);
      if (known) known.push(row);
      else found.set(key, [row]);
    }
    return found;
  }
}

/**
 * Where a workspace has a connection for everybody and one for an organization, the latter is meant. Across workspaces
 * that would let one tenant draw another's people in by naming any claim of theirs, so there nothing is preferred.
 */
function narrowest(fitting: readonly ConnectedPerson[]): readonly ConnectedPerson[] {
  const special = fitting.filter(({ organization_claim }) => organization_claim !== null);
  return fitting.filter(
    ({ organization_claim, workspace_id }) =>
      organization_claim !== null || !special.some((person) => person.workspace_id === workspace_id),
  );
}

/** True when the connection asks for no organization, or the token names the one it asks for. */
export function isOfOrganization(
  { organization_claim, organization_value }: IssuerConnection,
  claims: Claims,
): boolean {
  return organization_claim === null || textClaim(claims, organization_claim) === organization_value;
}

export function isWorkspace({ slug, workspace_id }: ConnectedPerson, named: string | undefined): boolean {
  return named === slug || named === workspace_id;
}
