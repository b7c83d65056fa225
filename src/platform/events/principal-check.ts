import type { Principal } from '../context/principal.js';

/** Whether who came in may still be in, for what outlives the request: streams. Implemented by platform/auth. */
export abstract class PrincipalCheck {
  /** False when the credential was revoked or ended, the membership is over, or role or scopes are no longer the same. */
  abstract stillValid(principal: Principal): Promise<boolean>;
}
