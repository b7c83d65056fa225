/** A place in a text that PostgreSQL cannot store. */
export interface UnstorableCharacter {
  /** UTF-16 offset into the text. */
  offset: number;
  what: 'nul' | 'lone-surrogate';
}

const SUSPECT = /[\0\ud800-\udfff]/;
// With the u flag a surrogate matches only when it stands alone.
const UNSTORABLE = /[\0\ud800-\udfff]/u;
const LONE_SURROGATES = /[\ud800-\udfff]/gu;
const PLAIN_LINE = /^[!-~](?:[ -~]*[!-~])?$/;
const LINE_BREAKS_AND_TABS = /[\t\n\v\f\r\x85\u2028\u2029]+/g;
const CONTROLS = /\p{Cc}/gu;
const CONTROLS_BUT_LINES = /[^\P{Cc}\n\t]/gu;

/** Finds the first NUL or lone surrogate, or null. Neither fits into PostgreSQL's `text`, and the second not into UTF-8. */
export function findUnstorable(text: string): UnstorableCharacter | null {
  if (!SUSPECT.test(text)) return null;
  const offset = text.search(UNSTORABLE);
  if (offset < 0) return null;
  return { offset, what: text.charCodeAt(offset) === 0 ? 'nul' : 'lone-surrogate' };
}

/**
 * One line of text from outside: lone surrogates become U+FFFD, line breaks and tabs a space, other control characters
 * are removed, then NFC and trimmed. `null` when nothing is left.
 */
export function cleanLine(text: string): string | null {
  if (PLAIN_LINE.test(text)) return text;
  return finish(withoutLoneSurrogates(text).replace(LINE_BREAKS_AND_TABS, ' ').replace(CONTROLS, ''));
}

/** As {@link cleanLine}, for text of several lines: every line end becomes `\n`, tabs stay. */
export function cleanText(text: string): string | null {
  if (PLAIN_LINE.test(text)) return text;
  const lines = withoutLoneSurrogates(text).replace(/\r\n?|[\x85\u2028\u2029]/g, '\n');
  return finish(lines.replace(CONTROLS_BUT_LINES, ''));
}

/** Number of Unicode characters (code points), which is also how PostgreSQL counts. */
export function characterCount(text: string): number {
  let count = text.length;
  if (SUSPECT.test(text)) {
    count = 0;
    for (const _ of text) count += 1;
  }
  return count;
}

function withoutLoneSurrogates(text: string): string {
  return SUSPECT.test(text) ? text.replace(LONE_SURROGATES, '\ufffd') : text;
}

/** Last, because removing a character may bring together what NFC composes. */
function finish(text: string): string | null {
  const done = text.normalize('NFC').trim();
  return done === '' ? null : done;
}
