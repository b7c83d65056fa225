import type { KeyObject } from 'node:crypto';
import type { Request } from 'express';
import { Strategy } from 'passport-jwt';

/** What a signature and its claims are checked against. */
export interface JwtExpectation {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** By how much clocks may differ. */
  readonly clock_skew_s: number;
}

/** Why a token is not to be believed, in the words of the library; for the owner of a connection, never for the caller. */
export type JwtFault = string;

/**
 * Checks signature, `exp`, `nbf`, `iss` and `aud` with passport-jwt, of which only the strategy is used: the guard of this
 * room decides what a request may do.
 */
export function checkJwt(token: string, expected: JwtExpectation): Promise<JwtFault | null> {
  return new Promise((resolve) => {
    const strategy = new Strategy(
      {
        jwtFromRequest: () => token,
        secretOrKeyProvider: (_request, _token, done) => done(null, expected.key as unknown as Buffer),
        algorithms: [...expected.algorithms] as Algorithm[],
        issuer: expected.issuer,
        audience: [...expected.audiences],
        jsonWebTokenOptions: { clockTolerance: expected.clock_skew_s },
      },
      (_claims: unknown, done: (error: null, user: object) => void) => done(null, {}),
    );
    Object.assign(strategy, {
      success: () => resolve(null),
      fail: (fault: unknown) => resolve(fault instanceof Error ? fault.message : 'refused'),
      error: (fault: unknown) => resolve(fault instanceof Error ? fault.message : 'refused'),
    });
    strategy.authenticate({ headers: {} } as Request);
  });
}

type Algorithm = 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512';
