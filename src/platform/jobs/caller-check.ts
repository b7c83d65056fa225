import type { Actor } from '../../contracts/events.js';
import type { Principal } from '../context/principal.js';

/** Answers whether whoever asked for a job may still act. Provided by platform/auth. */
export abstract class CallerCheck {
  /** The caller with the permissions of this moment, or null when membership, key or account has ended. */
  abstract principalFor(workspace_id: string, actor: Actor): Promise<Principal | null>;
}
