import { type Parsed, refused } from './parsed.js';
import { characterCount, cleanLine } from './text.js';

/** At most this many tags on one record. */
export const MOST_TAGS = 100;
/** At most this many characters in one tag. */
export const LONGEST_TAG = 64;

/** Tags in the order given. */
export interface Tags {
  value: string[];
}

/** Tags of a refused list name the element at fault (0-based), or none when there are too many. */
export interface TagsRefused {
  readonly ok: false;
  readonly detail: string;
  readonly index: number | null;
}

/**
 * Reads a list of tags: each trimmed, NFC, without control characters, 1 to 64 characters; at most 100. Of tags that
 * differ only in case, the first spelling stays.
 */
export function parseTags(list: readonly string[]): Parsed<Tags> | TagsRefused {
  const first = new Map<string, string>();
  for (const [index, written] of list.entries()) {
    const tag = cleanLine(written);
    if (tag === null)
      return { ...refused('A tag has at least one visible character; leave the empty one out.'), index };
    if (characterCount(tag) > LONGEST_TAG) {
      return { ...refused(`A tag has at most ${LONGEST_TAG} characters; shorten it or use a custom field.`), index };
    }
    const key = tagKey(tag);
    if (!first.has(key)) first.set(key, tag);
    if (first.size > MOST_TAGS) return { ...refused(`A record has at most ${MOST_TAGS} tags.`), index: null };
  }
  return { ok: true, value: [...first.values()] };
}

/** Splits a cell at commas, semicolons and bars into tags; empty pieces fall away. Check the result with {@link parseTags}. */
export function splitTags(cell: string): string[] {
  return cell
    .split(/[,;|]/)
    .map(cleanLine)
    .filter((tag) => tag !== null);
}

/** Both lists as one, in order; the spelling that was there first stays. */
export function uniteTags(present: readonly string[], added: readonly string[]): string[] {
  const first = new Map<string, string>();
  for (const tag of [...present, ...added]) {
    const key = tagKey(tag);
    if (!first.has(key)) first.set(key, tag);
  }
  return [...first.values()];
}

/** Tags with equal keys are the same tag. */
export function tagKey(tag: string): string {
  return tag.toLowerCase().normalize('NFC');
}
