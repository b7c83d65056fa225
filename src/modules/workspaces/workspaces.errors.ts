import type { Permission, Role } from '../../contracts/permissions.js';
import { Conflict, Forbidden } from '../../platform/errors/contract-problems.js';

/** Without an owner nobody could change the workspace any more: 409. */
export class LastOwner extends Conflict {
  constructor() {
    super('last-owner', 'The last owner stays', 'A workspace has at least one owner. Make somebody else owner first.');
  }
}

export class MemberExists extends Conflict {
  constructor() {
    super('member-exists', 'Already a member', 'This person is a member already; PATCH changes the role.');
  }
}

/** A key that was revoked or has expired is not brought back. */
export class KeyEnded extends Conflict {
  constructor() {
    super('key-ended', 'The key has ended', 'A revoked or expired key stays so. Create a new one.');
  }
}

/** Nobody grants more than they hold: 403. */
export class MoreThanHeld extends Forbidden {
  constructor(permissions: readonly Permission[]) {
    super(`Nobody grants more than they hold; you lack ${permissions.slice(0, 10).join(', ')}.`, {
      suggestion: 'Grant a weaker role or narrower scopes, or ask somebody who holds them.',
      extensions: { lacking_permissions: permissions },
    });
  }
}

/** Owners are touched by owners alone: 403. */
export class AboveCaller extends Forbidden {
  constructor(role: Role) {
    super(`This belongs to a role above yours: ${role}.`);
  }
}
