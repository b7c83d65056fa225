import { Injectable } from '@nestjs/common';
import type { Actor } from '../../contracts/events.js';
import { permissionsOf, type Role } from '../../contracts/permissions.js';
import { type Principal, systemPrincipal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import { BatchedLookUp } from './batched-look-up.js';
import { IssuerConnections } from './issuer-connections.js';
import { KeyAuthenticator } from './key-authenticator.js';
import { Sessions } from './sessions.js';

interface Member {
  readonly name: string;
  readonly role: Role;
}

/** Asks again who a caller is, for what outlives the request: streams, jobs, MCP sessions. */
@Injectable()
export class PrincipalLookUp {
  private readonly members = new BatchedLookUp<Member>((asked) => this.findMembers(asked));

  constructor(
    private readonly database: SystemDatabase,
    private readonly keys: KeyAuthenticator,
    private readonly sessions: Sessions,
    private readonly connections: IssuerConnections,
  ) {}

  /** False once key, session, membership, person, connection or workspace has ended, or a right was taken away. */
  async stillValid(principal: Principal): Promise<boolean> {
    if (principal.type === 'system') return true;
    if (principal.expires_at_ms !== null && principal.expires_at_ms <= Date.now()) return false;
    const held = await this.permissionsNow(principal);
    return held !== null && [...principal.permissions].every((permission) => held.has(permission));
  }

  /** The caller with the permissions of this moment, or null when membership, key or account has ended. */
  async principalFor(workspace_id: string, actor: Actor): Promise<Principal | null> {
    if (actor.type === 'system') return systemPrincipal(workspace_id, actor);
    if (actor.id === null) return null;
    if (actor.type === 'api_key') return this.keys.byId(workspace_id, actor.id);
    const member = await this.member(workspace_id, actor.id);
    if (!member) return null;
    return {
      type: 'user',
      id: actor.id,
      name: member.name,
      workspace_id,
      user_id: actor.id,
      api_key_id: null,
      session_id: null,
      role: member.role,
      permissions: permissionsOf(member.role),
      rate_limit_per_minute: null,
      expires_at_ms: null,
    };
  }

  private async permissionsNow(principal: Principal): Promise<ReadonlySet<string> | null> {
    const { type, workspace_id, api_key_id, user_id, session_id, connection_id } = principal;
    if (type === 'api_key') {
      return api_key_id === null ? null : ((await this.keys.byId(workspace_id, api_key_id))?.permissions ?? null);
    }
    if (user_id === null) return null;
    if (session_id !== null) {
      const role = await this.sessions.roleOf({ user_id, session_id, workspace_id });
      return role && permissionsOf(role);
    }
    const member = await this.member(workspace_id, user_id);
    if (!member || (connection_id && !(await this.connections.isEnabled(workspace_id, connection_id)))) return null;
    return permissionsOf(member.role);
  }

  private member(workspace_id: string, user_id: string): Promise<Member | undefined> {
    return this.members.find(`${workspace_id} ${user_id}`);
  }

  private async findMembers(asked: string[]): Promise<ReadonlyMap<string, Member>> {
    const pairs = asked.map((key) => key.split(' ', 2));
    const rows = await this.database.query<Member & { key: string }>(
      `select m.workspace_id || ' ' || m.user_id as key, u.name, m.role
       from unnest($1::uuid[], $2::uuid[]) as a(workspace_id, user_id)
       join memberships m on m.workspace_id = a.workspace_id and m.user_id = a.user_id and m.removed_at is null
       join users u on u.id = m.user_id and u.disabled_at is null
       join workspaces w on w.id = m.workspace_id and w.suspended_at is null`,
      [pairs.map(([workspace]) => workspace), pairs.map(([, user]) => user)],
    );
    return new Map(rows.map((row) => [row.key, row]));
  }
}
