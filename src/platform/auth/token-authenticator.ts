import type { Principal } from '../context/principal.js';

/** What a signed token is checked against besides its signature. */
export interface TokenCall {
  /** `X-Workspace`: slug or id, for people with several workspaces. */
  readonly workspace?: string;
  readonly ip: string | null;
}

/** Turns a JWT (ours, or of a configured identity provider) into a principal; null when it is not to be believed. */
export abstract class TokenAuthenticator {
  abstract authenticate(token: string, call: TokenCall): Promise<Principal | null>;
}
