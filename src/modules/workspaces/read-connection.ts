import type { SsoConnectionChoice } from '../../platform/auth/sso-connections.repository.js';
import type { FieldMistake } from '../../platform/errors/problem.js';

/** What is wrong with a connection as a whole, beyond the form of its fields. */
export function connectionMistakes(choice: SsoConnectionChoice, ownIssuer: string): FieldMistake[] {
  const mistakes: FieldMistake[] = [];
  const refuse = (pointer: string, detail: string) => mistakes.push({ pointer, detail });
  const { issuer, jwks_uri, organization_claim, organization_value, claim_map, role_rules } = choice;
  if (!isWebAddress(issuer)) refuse('/issuer', 'issuer must be an http(s) URL without query and fragment.');
  if (issuer === ownIssuer) refuse('/issuer', 'This is the issuer of our own tokens.');
  if (jwks_uri !== null && !isWebAddress(jwks_uri, true)) refuse('/jwks_uri', 'jwks_uri must be an http(s) URL.');
  if ((organization_claim === null) !== (organization_value === null)) {
    refuse('/organization_value', 'organization_claim and organization_value are given together.');
  }
  for (const [field, claim] of Object.entries(claim_map)) {
    if (field !== 'email' && field !== 'name')
      refuse(`/claim_map/${field.slice(0, 64)}`, 'claim_map knows email and name.');
    else if (typeof claim !== 'string' || claim === '') refuse(`/claim_map/${field}`, 'A claim is named by a text.');
  }
  role_rules.forEach(({ equals, contains }, index) => {
    if ((equals == null) === (contains == null)) {
      refuse(`/role_rules/${index}`, 'A rule has either equals or contains.');
    }
  });
  return mistakes;
}

function isWebAddress(text: string, mayHaveQuery = false): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return false;
  return username === '' && password === '' && hash === '' && (mayHaveQuery || search === '');
}
