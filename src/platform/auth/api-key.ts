import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** `egw_<8 of a-z0-9>_<43 of base64url>`: a public prefix to look up by, and 256 random bits. */
const FORM = /^egw_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$/;
const PREFIX_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A new key. The text is shown once; only prefix and hash are kept. */
export interface IssuedKey {
  readonly text: string;
  readonly prefix: string;
  readonly secret_sha256: Buffer;
}

export function issueKey(text = newKeyText()): IssuedKey {
  const prefix = keyPrefix(text);
  if (prefix === undefined) throw new Error('an API key has the form egw_<8 of a-z0-9>_<43 of base64url>');
  return { text, prefix, secret_sha256: hashKey(text) };
}

/** The prefix of a text that has the form of a key, else undefined. */
export function keyPrefix(text: string): string | undefined {
  return FORM.exec(text)?.[1];
}

/** Compares in constant time. */
export function keyMatches(text: string, secretSha256: Buffer): boolean {
  return timingSafeEqual(hashKey(text), secretSha256);
}

function hashKey(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function newKeyText(): string {
  const prefix = Array.from({ length: 8 }, () => PREFIX_LETTERS[randomInt(PREFIX_LETTERS.length)]).join('');
  return `egw_${prefix}_${randomBytes(32).toString('base64url')}`;
}
