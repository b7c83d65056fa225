import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';

/** How a secret signs: symmetric (the receiver holds the same secret), or asymmetric (the receiver holds the public key). */
export const SECRET_KINDS = ['hmac', 'ed25519'] as const;

export type SecretKind = (typeof SECRET_KINDS)[number];

/** A secret in the notation of Standard Webhooks: `whsec_` or `whsk_`, then base64. */
export interface SigningSecret {
  readonly kind: SecretKind;
  readonly text: string;
}

const HMAC_PREFIX = 'whsec_';
const PRIVATE_PREFIX = 'whsk_';
const PUBLIC_PREFIX = 'whpk_';
const SHORTEST_BYTES = 24;
const LONGEST_BYTES = 64;
const KEY_BYTES = 32;
/** What stands before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A new secret: 32 random bytes, or an Ed25519 key pair (private, then public half). */
export function newSecret(kind: SecretKind): SigningSecret {
  if (kind === 'hmac') return { kind, text: HMAC_PREFIX + randomBytes(32).toString('base64') };
  const { privateKey } = generateKeyPairSync('ed25519');
  const jwk = privateKey.export({ format: 'jwk' });
  const halves = [Buffer.from(jwk.d ?? '', 'base64url'), Buffer.from(jwk.x ?? '', 'base64url')];
  return { kind, text: PRIVATE_PREFIX + Buffer.concat(halves).toString('base64') };
}

/** Reads a secret that a caller brings along; a sentence says what is wrong with another text. */
export function readSecret(text: string): SigningSecret | string {
  if (text.startsWith(PRIVATE_PREFIX)) {
    const bytes = decoded(text, PRIVATE_PREFIX);
    if (bytes?.length !== 2 * KEY_BYTES) return 'must be whsk_ and the base64 of 64 bytes: private, then public key.';
    const isPair = publicHalf(bytes.subarray(0, KEY_BYTES)).equals(bytes.subarray(KEY_BYTES));
    return isPair ? { kind: 'ed25519', text } : 'holds a public key that does not belong to its private key.';
  }
  const bytes = decoded(text, HMAC_PREFIX);
  if (bytes !== null && bytes.length >= SHORTEST_BYTES && bytes.length <= LONGEST_BYTES) return { kind: 'hmac', text };
  return `must be ${HMAC_PREFIX} and the base64 of ${SHORTEST_BYTES} to ${LONGEST_BYTES} bytes.`;
}

/** The bytes that HMAC-SHA256 is keyed with. @throws {Error} for another text. */
export function hmacKey(text: string): Buffer {
  const bytes = decoded(text, HMAC_PREFIX);
  if (bytes === null) throw new Error('this is no whsec_ secret');
  return bytes;
}

/** The private key of a `whsk_` secret. @throws {Error} for another text. */
export function privateKeyOf(text: string): ReturnType<typeof createPrivateKey> {
  const bytes = decoded(text, PRIVATE_PREFIX);
  if (bytes?.length !== 2 * KEY_BYTES) throw new Error('this is no whsk_ secret');
  return privateKey(bytes.subarray(0, KEY_BYTES));
}

/** What the receiver needs for a `whsk_` secret: `whpk_` and the base64 of the public key. */
export function publicKeyOf(text: string): string {
  const bytes = decoded(text, PRIVATE_PREFIX);
  if (bytes?.length !== 2 * KEY_BYTES) throw new Error('this is no whsk_ secret');
  return PUBLIC_PREFIX + bytes.subarray(KEY_BYTES).toString('base64');
}

function privateKey(seed: Buffer): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, seed]), format: 'der', type: 'pkcs8' });
}

function publicHalf(seed: Buffer): Buffer {
  const jwk = createPublicKey(privateKey(seed)).export({ format: 'jwk' });
  return Buffer.from(jwk.x ?? '', 'base64url');
}

/** Strict base64 (RFC 4648, section 4) behind a prefix; null for anything else. Node's decoder would skip what it does not know. */
function decoded(text: string, prefix: string): Buffer | null {
  const base64 = text.slice(prefix.length);
  if (!text.startsWith(prefix) || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '') ? bytes : null;
}
