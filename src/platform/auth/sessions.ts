import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { permissionsOf, type Role } from '../../contracts/permissions.js';
import type { Principal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import { NotFound } from '../errors/contract-problems.js';
import type { OwnToken, TokenSubject } from './access-tokens.js';
import { isAllowedFrom } from './allowed-networks.js';
import { BatchedLookUp } from './batched-look-up.js';
import type { TokenCall } from './token-authenticator.js';

/** A person who signs in. */
export interface SessionStart {
  readonly user_id: string;
  /** The connection that vouched for them; null: a password. */
  readonly connection_id?: string | null;
  readonly ip?: string | null;
  readonly user_agent?: string | null;
}

interface SessionRow {
  readonly key: string;
  readonly name: string;
  readonly connection_id: string | null;
  /** Null when the person is no member of the workspace, or there is none. */
  readonly workspace_id: string | null;
  readonly role: Role | null;
  readonly workspace_networks: string[] | null;
}

/** Absolute and idle life of a session. */
const LIFE = '30 days';
const IDLE = '12 hours';

/** Signed-in people. Session, person, workspace and membership are looked up together for every request. */
@Injectable()
export class Sessions {
  private readonly standing = new BatchedLookUp<SessionRow>((asked) => this.findStanding(asked));

  constructor(private readonly database: SystemDatabase) {}

  async start({ user_id, connection_id = null, ip = null, user_agent = null }: SessionStart): Promise<string> {
    const [row] = await this.database.query<{ id: string }>(
      `insert into sign_in_sessions (user_id, connection_id, ip, user_agent, idle_until, ends_at)
       values ($1, $2, $3, $4, now() + interval '${IDLE}', now() + interval '${LIFE}') returning id`,
      [user_id, connection_id, ip, user_agent],
    );
    return row?.id ?? '';
  }

  /** Ends a session; tokens of it are refused from now on. */
  async end(session_id: string): Promise<void> {
    await this.database.execute('update sign_in_sessions set revoked_at = now() where id = $1 and revoked_at is null', [
      session_id,
    ]);
  }

  /**
   * The principal of a genuine token in the workspace that the caller chose, or null when the session no longer stands.
   * @throws {NotFound} for a chosen workspace of which the person is no member, as for one that does not exist.
   */
  async principalOf(token: OwnToken, { workspace, ip }: TokenCall): Promise<Principal | null> {
    const row = await this.find(token, workspace);
    if (!row) return null;
    if (row.workspace_id === null || row.role === null) {
      if (workspace !== undefined) throw new NotFound('workspace');
      return null;
    }
    if (!isAllowedFrom(row.workspace_networks, ip)) return null;
    return {
      type: 'user',
      id: token.user_id,
      name: row.name,
      workspace_id: row.workspace_id,
      user_id: token.user_id,
      api_key_id: null,
      session_id: token.session_id,
      role: row.role,
      permissions: permissionsOf(row.role),
      rate_limit_per_minute: null,
      expires_at_ms: token.expires_at_ms,
      connection_id: row.connection_id,
    };
  }

  /** The role of a session in a workspace at this moment, or null. */
  async roleOf(subject: TokenSubject): Promise<Role | null> {
    return (await this.find(subject, undefined))?.role ?? null;
  }

  private find({ session_id, user_id, workspace_id }: TokenSubject, chosen: string | undefined) {
    const isId = chosen === undefined || isUUID(chosen);
    const key = JSON.stringify({
      session_id,
      user_id,
      workspace_id: isId ? (chosen ?? workspace_id) : null,
      slug: isId ? null : chosen.slice(0, 100),
    });
    return this.standing.find(key);
  }

  private async findStanding(asked: string[]): Promise<ReadonlyMap<string, SessionRow>> {
    const rows = await this.database.query<SessionRow & { place: number }>(STANDING_SESSIONS, [`[${asked.join(',')}]`]);
    return new Map(rows.map((row) => [asked[row.place - 1] ?? '', row]));
  }
}

/** A session that came by a connection exists in the workspace of that connection only, and ends with it. */
const STANDING_SESSIONS = `
  select a.place::integer, u.name, s.connection_id, m.workspace_id, m.role,
         w.settings->'allowed_networks' as workspace_networks
  from rows from (jsonb_to_recordset($1::jsonb) as (session_id uuid, user_id uuid, workspace_id uuid, slug text))
    with ordinality as a(session_id, user_id, workspace_id, slug, place)
  join sign_in_sessions s on s.id = a.session_id and s.user_id = a.user_id and s.revoked_at is null
    and s.ends_at > now() and (s.idle_until is null or s.idle_until > now())
  join users u on u.id = s.user_id and u.disabled_at is null
  left join sso_connections c on c.id = s.connection_id and c.enabled_at is not null
  left join workspaces w on w.id = coalesce(a.workspace_id, (select id from workspaces where slug = a.slug))
    and w.suspended_at is null and (s.connection_id is null or c.workspace_id = w.id)
  left join memberships m on m.workspace_id = w.id and m.user_id = u.id and m.removed_at is null`;
