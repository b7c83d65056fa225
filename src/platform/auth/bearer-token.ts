/** Longer tokens are not looked at. */
export const MAX_TOKEN_BYTES = 16_384;

/** Header of a JWS (RFC 7515, 4.1), as far as we read it. `jku`, `x5u`, `x5c` and `jwk` are never read. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  readonly has_crit: boolean;
}

/** The claims of a token; nothing in them is to be believed before its signature was checked. */
export type Claims = Readonly<Record<string, unknown>>;

export interface BearerToken {
  readonly text: string;
  readonly header: TokenHeader;
  readonly claims: Claims;
}

const MOST_VALUES = 100;
const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Reads a JWT in compact form (RFC 7519) without believing it; null when it is none. An unsigned token is none. */
export function readToken(text: string): BearerToken | null {
  if (text.length > MAX_TOKEN_BYTES || !COMPACT_FORM.test(text)) return null;
  const [header = '', payload = ''] = text.split('.', 2).map(readObject);
  if (typeof header !== 'object' || typeof payload !== 'object' || header === null || payload === null) return null;
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return null;
  if ((kid !== undefined && typeof kid !== 'string') || (typ !== undefined && typeof typ !== 'string')) return null;
  return {
    text,
    header: { alg, ...(kid !== undefined && { kid }), ...(typ !== undefined && { typ }), has_crit: 'crit' in header },
    claims: payload,
  };
}

/** A claim that is a text, else undefined. */
export function textClaim(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return isText(value) ? value : undefined;
}

/** `aud` is a text or a list of texts (RFC 7519, 4.1.3). */
export function audiencesOf(claims: Claims): readonly string[] {
  const { aud } = claims;
  return (Array.isArray(aud) ? aud : [aud]).filter(isText).slice(0, MOST_VALUES);
}

/** The texts among the claims: one of them may name the organization. */
export function textsOf(claims: Claims): readonly string[] {
  return Object.values(claims).filter(isText).slice(0, MOST_VALUES);
}

/** When the token ends by itself, in milliseconds of the epoch; undefined without a readable `exp`. */
export function endOf(claims: Claims): number | undefined {
  const { exp } = claims;
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1_000 : undefined;
}

/** A text that a database can hold: without NUL and lone surrogates. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1_000 && /^[^\0\p{Cs}]*$/u.test(value);
}

function readObject(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
