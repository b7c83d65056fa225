import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { SignJWT } from 'jose';
import { AuthConfig, HttpConfig } from '../../../config/app-config.js';
import { type BearerToken, endOf, textClaim } from './bearer-token.js';
import { checkJwt } from './jwt-check.js';
import { SigningKeys } from './signing-keys.js';
import { VerifiedTokens } from './verified-tokens.js';

/** Whom an access token stands for. */
export interface TokenSubject {
  readonly user_id: string;
  readonly session_id: string;
  /** Where the holder goes without `X-Workspace`. */
  readonly workspace_id: string;
}

/** A token of ours that is genuine and has not ended; whether its session stands is another question. */
export interface OwnToken extends TokenSubject {
  readonly expires_at_ms: number;
}

const ALGORITHM = 'ES256';
/** Clocks of our own processes are close. */
const CLOCK_SKEW_S = 5;

/** Our own access tokens (RFC 9068 in shape): short-lived JWTs that name a session, which the guard looks up every time. */
@Injectable()
export class AccessTokens {
  /** `iss` of our tokens. */
  readonly issuer: string;
  private readonly verified = new VerifiedTokens();

  constructor(
    http: HttpConfig,
    private readonly config: AuthConfig,
    private readonly keys: SigningKeys,
  ) {
    this.issuer = http.public_url.replace(/\/$/, '') || 'urn:engawa';
  }

  async issue({ user_id, session_id, workspace_id }: TokenSubject): Promise<{ token: string; expires_in_s: number }> {
    const key = await this.keys.current();
    const now = Math.floor(Date.now() / 1_000);
    const token = await new SignJWT({ sid: session_id, ws: workspace_id })
      .setProtectedHeader({ alg: ALGORITHM, kid: key.id, typ: 'at+jwt' })
      .setIssuer(this.issuer)
      .setSubject(user_id)
      .setAudience(this.issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + this.config.access_token_s)
      .setJti(randomUUID())
      .sign(key.private_key);
    return { token, expires_in_s: this.config.access_token_s };
  }

  /** Null when the token is not one of ours, was changed, or has ended. */
  async verify({ text, header, claims }: BearerToken): Promise<OwnToken | null> {
    const expires_at_ms = endOf(claims);
    const user_id = textClaim(claims, 'sub');
    const session_id = textClaim(claims, 'sid');
    const workspace_id = textClaim(claims, 'ws');
    if (!isUUID(user_id) || !isUUID(session_id) || !isUUID(workspace_id) || expires_at_ms === undefined) return null;
    if (header.alg !== ALGORITHM || header.typ !== 'at+jwt' || header.has_crit || header.kid === undefined) return null;
    if (!this.verified.has(text, header.kid)) {
      const key = await this.keys.find(header.kid);
      if (!key) return null;
      const fault = await checkJwt(text, {
        key: key.public_key,
        algorithms: [ALGORITHM],
        issuer: this.issuer,
        audiences: [this.issuer],
        clock_skew_s: CLOCK_SKEW_S,
      });
      if (fault !== null) return null;
      this.verified.add(text, header.kid, expires_at_ms);
    }
    return { user_id: user_id ?? '', session_id: session_id ?? '', workspace_id: workspace_id ?? '', expires_at_ms };
  }
}
