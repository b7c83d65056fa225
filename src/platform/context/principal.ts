import type { Actor } from '../../contracts/events.js';
import type { Permission, Role } from '../../contracts/permissions.js';

/** Who is calling, and what they may do in which workspace. Made by platform/auth, read by everyone. */
export interface Principal {
  readonly type: Actor['type'];
  /** Key id, user id, or null for the system itself. */
  readonly id: string | null;
  readonly name: string;
  readonly workspace_id: string;
  /** The person behind a session or key, if any. */
  readonly user_id: string | null;
  readonly api_key_id: string | null;
  /** The signed-in session, if any; its end ends streams. */
  readonly session_id: string | null;
  readonly role: Role;
  readonly permissions: ReadonlySet<Permission>;
  /** The key's own limits; null: the workspace's. */
  readonly rate_limit_per_minute: number | null;
  /** The key's own short window: at most `q` requests in `w` seconds, 1..10. */
  readonly burst?: Burst | null;
  /** When the credential ends by itself, in milliseconds of the epoch; null: never. */
  readonly expires_at_ms: number | null;
  /** The single sign-on connection that vouches for the caller, if any; its end ends streams. */
  readonly connection_id?: string | null;
}

export interface Burst {
  readonly q: number;
  readonly w: number;
}

/** The product itself, acting inside one workspace. */
export function systemPrincipal(workspace_id: string, actor?: Actor): Principal {
  return {
    type: actor?.type ?? 'system',
    id: actor?.id ?? null,
    name: actor?.name ?? 'Engawa',
    workspace_id,
    user_id: actor?.type === 'user' ? actor.id : null,
    api_key_id: actor?.type === 'api_key' ? actor.id : null,
    session_id: null,
    role: 'owner',
    permissions: new Set(),
    rate_limit_per_minute: null,
    expires_at_ms: null,
  };
}
