import { type Permission, permissionsOf, type Role, ROLES } from '../../contracts/permissions.js';
import type { Principal } from '../context/principal.js';
import { narrowed } from './key-authenticator.js';

type Holder = Pick<Principal, 'role' | 'permissions'>;

/** What a role, narrowed by scopes, may do beyond what its giver may: nobody grants more than they hold. */
export function beyond(holder: Holder, role: Role, scopes: readonly Permission[] | null = null): Permission[] {
  return [...narrowed(role, scopes)].filter((permission) => !holder.permissions.has(permission));
}

/** True when somebody of this role stands above the holder, who may then not touch them. */
export function isAbove(holder: Holder, role: Role): boolean {
  return ROLES.indexOf(role) > ROLES.indexOf(holder.role);
}

/** True for who holds all that an owner may, so without narrowing scopes. */
export function isWholeOwner(holder: Holder): boolean {
  return (
    holder.role === 'owner' && [...permissionsOf('owner')].every((permission) => holder.permissions.has(permission))
  );
}
