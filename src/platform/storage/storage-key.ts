import { InvalidStorageKeyError } from './storage.js';

const KEY = /^[a-z0-9_-]{1,128}(?:\/[a-z0-9_-]{1,128})*$/;
const LONGEST_KEY = 512;

/** The key itself. No dots, no empty segments, no leading or trailing slash: a key cannot leave its folder. */
export function checkedKey(key: string): string {
  if (key.length > LONGEST_KEY || !KEY.test(key)) throw new InvalidStorageKeyError(key);
  return key;
}
