import { Injectable } from '@nestjs/common';
import { permissionsOf } from '../../contracts/permissions.js';
import type { Principal } from '../context/principal.js';
import { NotFound } from '../errors/contract-problems.js';
import { AccessTokens } from './access-tokens.js';
import { isAllowedFrom } from './allowed-networks.js';
import { type BearerToken, endOf, readToken } from './bearer-token.js';
import { FirstSignIn, type SignedInPerson } from './first-sign-in.js';
import { type ConnectedPerson, IssuerConnections, isWorkspace } from './issuer-connections.js';
import { IssuerTokenChecks } from './issuer-token-checks.js';
import { Sessions } from './sessions.js';
import { type TokenCall, TokenAuthenticator } from './token-authenticator.js';
import { VerifiedTokens } from './verified-tokens.js';

/**
 * A JWT is ours, or of the identity provider of one workspace. Its unverified claims say which; then they are checked
 * against what that one expects. Whatever is wrong, the answer is null, so that a caller cannot tell what it was.
 */
@Injectable()
export class JwtAuthenticator extends TokenAuthenticator {
  private readonly verified = new VerifiedTokens();

  constructor(
    private readonly accessTokens: AccessTokens,
    private readonly sessions: Sessions,
    private readonly connections: IssuerConnections,
    private readonly checks: IssuerTokenChecks,
    private readonly firstSignIn: FirstSignIn,
  ) {
    super();
  }

  /** @throws {NotFound} when `X-Workspace` names a workspace of which the holder is no member. */
  async authenticate(text: string, call: TokenCall): Promise<Principal | null> {
    const token = readToken(text);
    if (!token) return null;
    if (token.claims['iss'] === this.accessTokens.issuer) {
      const own = await this.accessTokens.verify(token);
      return own && this.sessions.principalOf(own, call);
    }
    return this.ofIssuer(token, call);
  }

  private async ofIssuer(token: BearerToken, call: TokenCall): Promise<Principal | null> {
    const person = await this.connections.personOf(token.claims, call.workspace);
    if (!person || person.is_barred || !isAllowedFrom(person.workspace_networks, call.ip)) return null;
    const signedIn = await this.signIn(token, person);
    if (!signedIn) return null;
    if (call.workspace !== undefined && !isWorkspace(person, call.workspace)) throw new NotFound('workspace');
    return {
      type: 'user',
      id: signedIn.user_id,
      name: signedIn.name,
      workspace_id: person.workspace_id,
      user_id: signedIn.user_id,
      api_key_id: null,
      session_id: null,
      role: signedIn.role,
      permissions: permissionsOf(signedIn.role),
      rate_limit_per_minute: null,
      expires_at_ms: endOf(token.claims) ?? null,
      connection_id: person.connection_id,
    };
  }

  private async signIn(token: BearerToken, person: ConnectedPerson): Promise<SignedInPerson | null> {
    const { connection_id, updated_at, user_id, user_name, role } = person;
    const against = `${connection_id} ${updated_at}`;
    if (user_id !== null && role !== null && this.verified.has(token.text, against)) {
      return { user_id, name: user_name ?? '', role };
    }
    if (!(await this.checks.passes(token, person))) return null;
    const signedIn = await this.firstSignIn.admit(person, token.claims);
    if (signedIn) this.verified.add(token.text, against, endOf(token.claims) ?? 0);
    return signedIn;
  }
}
