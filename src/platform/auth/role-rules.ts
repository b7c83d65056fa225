import type { Role } from '../../contracts/permissions.js';
import type { Claims } from './bearer-token.js';

/** Gives a role to whoever has a claim. Exactly one of `equals` and `contains` is set. */
export interface RoleRule {
  readonly claim: string;
  /** The claim is this text, number or boolean. */
  readonly equals?: string | null;
  /** The claim is a list with this member, or a space-separated text with this word. */
  readonly contains?: string | null;
  readonly role: GrantedRole;
}

/** What an identity provider may make of a person. Owners are made by owners alone. */
export type GrantedRole = Exclude<Role, 'owner'>;

export const GRANTED_ROLES = ['viewer', 'member', 'admin'] as const satisfies readonly GrantedRole[];

/** The role of the first rule that fits, else the default of the connection. */
export function roleByRules(rules: readonly RoleRule[], fallback: GrantedRole, claims: Claims): GrantedRole {
  const role = rules.find((rule) =>
    fits(rule, Object.hasOwn(claims, rule.claim) ? claims[rule.claim] : undefined),
  )?.role;
  return GRANTED_ROLES.find((known) => known === role) ?? fallback;
}

function fits({ equals, contains }: RoleRule, value: unknown): boolean {
  if (typeof equals === 'string') return isScalar(value) && String(value) === equals;
  if (typeof contains !== 'string') return false;
  if (Array.isArray(value)) return value.some((member) => isScalar(member) && String(member) === contains);
  return typeof value === 'string' && value.split(' ').includes(contains);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
