import { Injectable } from '@nestjs/common';
import { audiencesOf, type BearerToken, endOf, textClaim } from './bearer-token.js';
import { isOfOrganization, type IssuerConnection } from './issuer-connections.js';
import { checkJwt } from './jwt-check.js';
import { KeySets } from './key-sets.js';

/** Algorithms that a connection may allow: asymmetric ones alone, so that a public key never serves as a shared secret. */
export const TOKEN_ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512',
] as const; // prettier-ignore

/** One check of a token, in words for the owner of the connection. */
export interface TokenCheck {
  readonly check: string;
  readonly passed: boolean;
  readonly detail: string;
}

/** By how much the clocks of the provider and ours may differ. */
export const CLOCK_SKEW_S = 60;

/** What a token of an identity provider must pass, one step after the other, cheap ones first; ends at the first that fails. */
@Injectable()
export class IssuerTokenChecks {
  constructor(private readonly keys: KeySets) {}

  async *run(token: BearerToken, connection: IssuerConnection): AsyncGenerator<TokenCheck, void> {
    for (const check of ofClaims(token, connection)) {
      yield check;
      if (!check.passed) return;
    }
    const found = await this.keys.find(connection, token.header);
    yield 'key' in found
      ? passed('key', 'The issuer publishes the key that the token names.')
      : failed('key', found.fault);
    if (!('key' in found)) return;
    const fault = await checkJwt(token.text, {
      key: found.key,
      algorithms: connection.algorithms.filter(isTokenAlgorithm),
      issuer: connection.issuer,
      audiences: connection.audiences,
      clock_skew_s: CLOCK_SKEW_S,
    });
    yield fault === null
      ? passed('signature', 'Signature and times are right.')
      : failed('signature', `Signature or times are not right: ${fault}.`);
  }

  /** True when every check passes. */
  async passes(token: BearerToken, connection: IssuerConnection): Promise<boolean> {
    for await (const check of this.run(token, connection)) if (!check.passed) return false;
    return true;
  }
}

function* ofClaims({ header, claims }: BearerToken, connection: IssuerConnection): Generator<TokenCheck> {
  const { issuer, audiences, algorithms, organization_claim, organization_value, accepts_id_tokens } = connection;
  yield isOne(
    'issuer',
    claims['iss'] === issuer,
    `iss is ${shown(claims['iss'])}; the connection expects ${shown(issuer)}.`,
  );
  yield isOne(
    'audience',
    audiencesOf(claims).some((audience) => audiences.includes(audience)),
    `aud is ${shown(claims['aud'])}; the connection expects one of ${shown(audiences)}.`,
  );
  yield isOne(
    'organization',
    isOfOrganization(connection, claims),
    organization_claim === null
      ? 'The connection asks for no organization.'
      : `${organization_claim} is ${shown(claims[organization_claim])}; the connection expects ${shown(organization_value)}.`,
  );
  yield isOne(
    'type',
    !/^(application\/)?logout\+jwt$/i.test(header.typ ?? ''),
    `typ is ${shown(header.typ)}; a logout token is no credential.`,
  );
  yield isOne('critical', !header.has_crit, 'Critical header extensions (crit) are not understood here.');
  yield isOne(
    'algorithm',
    isTokenAlgorithm(header.alg) && algorithms.includes(header.alg),
    `alg is ${shown(header.alg)}; the connection allows ${algorithms.join(', ')}.`,
  );
  yield isOne(
    'kind',
    accepts_id_tokens || claims['nonce'] === undefined,
    'A token with a nonce is an ID token, which the connection does not accept as a credential.',
  );
  yield isOne('subject', textClaim(claims, 'sub') !== undefined, 'sub must be a text that is not empty.');
  yield isOne('expiry', endOf(claims) !== undefined, 'exp must be a number.');
}

function isTokenAlgorithm(alg: string): boolean {
  return (TOKEN_ALGORITHMS as readonly string[]).includes(alg);
}

function isOne(check: string, isPassed: boolean, detail: string): TokenCheck {
  return { check, passed: isPassed, detail };
}

function passed(check: string, detail: string): TokenCheck {
  return { check, passed: true, detail };
}

function failed(check: string, detail: string): TokenCheck {
  return { check, passed: false, detail };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 300);
}
