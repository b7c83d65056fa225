/** Every permission that a handler or tool can require. */
export const PERMISSIONS = [
  'contacts:read',
  'contacts:write',
  'contacts:delete',
  'companies:read',
  'companies:write',
  'companies:delete',
  'ingest:read',
  'ingest:write',
  'events:read',
  'workspace:read',
  'workspace:admin',
  'members:read',
  'members:write',
  'keys:read',
  'keys:write',
  'sso:read',
  'sso:write',
  'webhooks:read',
  'webhooks:write',
  'mcp:read',
  'mcp:write',
  'mcp:call',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** Roles of a membership or key, weakest first. */
export const ROLES = ['viewer', 'member', 'admin', 'owner'] as const;

export type Role = (typeof ROLES)[number];

/** Nouns whose `:write` a member holds; other `:write` permissions start at admin. */
const MEMBER_WRITES: ReadonlySet<string> = new Set(['contacts', 'companies', 'ingest', 'mcp']);

/** Not even every admin may: what changes the workspace itself. */
const OWNER_ONLY: ReadonlySet<Permission> = new Set(['workspace:admin', 'sso:write']);

/** The weakest role that holds a permission. */
export function roleFor(permission: Permission): Role {
  const [noun = '', verb] = permission.split(':');
  if (OWNER_ONLY.has(permission)) return 'owner';
  if (permission === 'mcp:write') return 'admin';
  if (verb === 'read') return 'viewer';
  if (verb === 'call') return 'member';
  return verb === 'write' && MEMBER_WRITES.has(noun) ? 'member' : 'admin';
}

const byRole = new Map<Role, ReadonlySet<Permission>>(
  ROLES.map((role, rank) => [
    role,
    new Set(PERMISSIONS.filter((permission) => ROLES.indexOf(roleFor(permission)) <= rank)),
  ]),
);

/** What a role may do. */
export function permissionsOf(role: Role): ReadonlySet<Permission> {
  return byRole.get(role) ?? new Set();
}

/** `noun:write` implies `noun:read`: the given scopes with what they imply. */
export function withImplied(scopes: readonly Permission[]): ReadonlySet<Permission> {
  const all = new Set<Permission>(scopes);
  for (const scope of scopes) {
    const read = scope.replace(/:(write|delete)$/, ':read') as Permission;
    if (PERMISSIONS.includes(read)) all.add(read);
  }
  return all;
}
