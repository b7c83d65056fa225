import { Injectable } from '@nestjs/common';
import { permissionsOf, type Role } from '../../contracts/permissions.js';
import type { Principal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import { parseEmail } from '../formats/email.js';
import { type Claims, textClaim } from './bearer-token.js';
import type { ConnectedPerson } from './issuer-connections.js';
import { MemberRegistry } from './member-registry.js';
import { roleByRules } from './role-rules.js';
import { StaffPublisher } from './staff-publisher.js';

/** Who a token stands for, after what its claims changed. */
export interface SignedInPerson {
  readonly user_id: string;
  readonly name: string;
  readonly role: Role;
}

/**
 * What an identity provider says of a person becomes ours here: the first token makes person and membership where the
 * connection allows it, and each new token brings the role that the rules give to its claims. The person is the pair of
 * connection and `sub`, never the e-mail: a provider may claim any address, also that of another workspace's member. A
 * removed member stays removed, owners and members that an admin invited keep their role.
 */
@Injectable()
export class FirstSignIn {
  constructor(
    private readonly database: SystemDatabase,
    private readonly members: MemberRegistry,
    private readonly publisher: StaffPublisher,
  ) {}

  /** @param claims of a token that passed every check and was not seen by this process before. */
  async admit(person: ConnectedPerson, claims: Claims): Promise<SignedInPerson | null> {
    if (person.user_id === null || person.role === null) return this.provision(person, claims);
    return { user_id: person.user_id, name: person.user_name ?? '', role: await this.renewRole(person, claims) };
  }

  private async provision(person: ConnectedPerson, claims: Claims): Promise<SignedInPerson | null> {
    const subject = textClaim(claims, 'sub') ?? '';
    const { connection_id, workspace_id } = person;
    if (person.provisioning !== 'jit' || person.user_id !== null) return null;
    const email = emailOf(person, claims);
    const name = (textClaim(claims, person.claim_map['name'] ?? 'name') ?? email ?? subject).slice(0, 255);
    const role = roleByRules(person.role_rules, person.default_role, claims);
    return this.database.transaction(async () => {
      // Two first tokens of one person: the second waits and finds the identity of the first.
      await this.database.query('select pg_advisory_xact_lock(hashtextextended($1, 7239480245))', [
        `${connection_id} ${subject}`,
      ]);
      const [known] = await this.database.query<SignedInPerson & { is_barred: boolean }>(
        `select i.user_id, u.name, m.role, u.disabled_at is not null or m.removed_at is not null as is_barred
         from identities i join users u on u.id = i.user_id
         join memberships m on m.workspace_id = $3 and m.user_id = i.user_id
         where i.connection_id = $1 and i.subject = $2`,
        [connection_id, subject, workspace_id],
      );
      if (known) return known.is_barred ? null : known;
      const [made] = await this.database.query<{ id: string }>(
        `with person as (insert into users (name) values ($1) returning id),
              identity as (insert into identities (connection_id, subject, user_id, email, claims_at)
                           select $2, $3, id, $4, to_timestamp($5) from person)
         select id from person`,
        [name, connection_id, subject, email, issuedAt(claims)],
      );
      const user_id = made?.id ?? '';
      await this.database.execute(
        `insert into memberships (workspace_id, user_id, role, source) values ($1, $2, $3, 'sso')`,
        [workspace_id, user_id, role],
      );
      const data = await this.members.find(workspace_id, user_id);
      await this.publisher.publish(actor(person, { user_id, name, role }), [
        'workspace.member_added',
        { subject_id: user_id, data: data ?? {} },
      ]);
      return { user_id, name, role };
    });
  }

  /** Claims older than those that decided before decide nothing. */
  private async renewRole(person: ConnectedPerson, claims: Claims): Promise<Role> {
    const { workspace_id, connection_id, user_id, user_name, role_rules, default_role, source, claims_at } = person;
    const before = person.role ?? default_role;
    const issued_at_s = issuedAt(claims);
    const isOlder = claims_at !== null && issued_at_s * 1_000 <= Date.parse(claims_at);
    if (source !== 'sso' || before === 'owner' || role_rules.length === 0 || isOlder) return before;
    const role = roleByRules(role_rules, default_role, claims);
    await this.database.transaction(async () => {
      await this.database.execute(
        `update identities set claims_at = to_timestamp($3) where connection_id = $1 and user_id = $2
         and (claims_at is null or claims_at < to_timestamp($3))`,
        [connection_id, user_id, issued_at_s],
      );
      const changed = await this.database.execute(
        `update memberships set role = $3, updated_at = now()
         where workspace_id = $1 and user_id = $2 and role <> $3 and role <> 'owner' and removed_at is null`,
        [workspace_id, user_id, role],
      );
      if (changed === 0) return;
      const signedIn = { user_id: user_id ?? '', name: user_name ?? '', role };
      const data = await this.members.find(workspace_id, signedIn.user_id);
      const changes = { role: { from: before, to: role } };
      await this.publisher.publish(actor(person, signedIn), [
        'workspace.member_role_changed',
        { subject_id: signedIn.user_id, data: data ?? {}, changes },
      ]);
    });
    return role;
  }
}

function actor({ workspace_id, connection_id }: ConnectedPerson, { user_id, name, role }: SignedInPerson): Principal {
  return {
    type: 'user',
    id: user_id,
    name,
    workspace_id,
    user_id,
    api_key_id: null,
    session_id: null,
    role,
    permissions: permissionsOf(role),
    rate_limit_per_minute: null,
    expires_at_ms: null,
    connection_id,
  };
}

function emailOf({ claim_map }: ConnectedPerson, claims: Claims): string | null {
  const said = textClaim(claims, claim_map['email'] ?? 'email');
  const email = said === undefined ? undefined : parseEmail(said);
  return email?.ok ? email.value : null;
}

/** `iat` in seconds; without one, claims count as the oldest. */
function issuedAt({ iat }: Claims): number {
  return typeof iat === 'number' && iat >= 0 && iat <= Date.now() / 1_000 + 60 ? iat : 0;
}
