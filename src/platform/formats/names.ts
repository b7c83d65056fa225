const PLAIN = /^[a-z0-9]+(?: [a-z0-9]+)*$/;
const MARKS = /\p{M}+/gu;
const SPACES = /\s+/g;

/**
 * The key by which names are compared: NFKD, marks removed, lower-case, runs of white space as one blank, trimmed.
 * `José  ÁLVAREZ` and `jose alvarez` have one key. Names themselves are stored as they were given.
 */
export function matchingKey(name: string): string {
  if (PLAIN.test(name)) return name;
  // Twice lower-case: some capitals exist only in compatibility forms, and some small letters only decompose afterwards.
  const folded = name.normalize('NFKD').toLowerCase().normalize('NFKD').replace(MARKS, '').toLowerCase();
  return folded.replace(SPACES, ' ').trim();
}
