/** Bytes of UTF-8 that one document may bring to the index; PostgreSQL limits a tsvector to 1 MB. */
export const MAX_TEXT_BYTES = 256 * 1024;
/** Characters of a title that are kept. */
export const MAX_TITLE_LENGTH = 500;
/** Longer runs without a space are encoded bytes, not words: their pieces would only be noise. */
const MAX_WORD_LENGTH = 256;

const ASCII = /^\p{ASCII}*$/u;
/** Something that PostgreSQL keeps as one token, or that hides several words: `main.ts`, `a@b.c`, `DatabaseError`. */
const COMPOUND = /[A-Za-z0-9][/._:@#-]+[A-Za-z0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]/;
const UNICODE_COMPOUND = /[\p{L}\p{N}\p{M}][/._:@#-]+[\p{L}\p{N}]|\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}/u;
const SEPARATORS = /[^\p{L}\p{N}\p{M}]+/u;
const CAMEL_BORDER = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
const UNSPACED_RUN =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const MARKED_LATIN = /(?=\p{Script=Latin})\P{ASCII}/u;
/** Controls and lone surrogates, which PostgreSQL or JSON refuses. */
const UNSTORABLE = /[\p{Cc}\p{Cs}]/gu;
/** Soft hyphens, joiners, direction marks: seen by nobody, and they would split or spoil a word. */
const INVISIBLE = /\p{Cf}/gu;

const encoder = new TextEncoder();
const segmenter = new Intl.Segmenter('ja', { granularity: 'word' });

/**
 * Text as the index takes it: NFKC, without characters that cannot be stored, scripts without spaces cut into words, and
 * behind it every compound word (`src/app/main.ts`, `DatabaseError`, `Müller`) a second time in pieces, because
 * PostgreSQL keeps it as one token. The pieces stand at the end so that the words of a phrase stay neighbours. Queries go
 * through the same function, so both sides see the same words. At most 256 KiB.
 */
export function searchableText(text: string): string {
  if (isPlain(text)) {
    if (!COMPOUND.test(text)) return text.length <= MAX_TEXT_BYTES ? text : text.slice(0, MAX_TEXT_BYTES);
    return withPieces(text.slice(0, MAX_TEXT_BYTES), COMPOUND);
  }
  return withPieces(segmented(cutBytes(normalized(text))), UNICODE_COMPOUND);
}

/** A title as it is compared letter by letter: NFKC, white space collapsed, at most 500 characters. */
export function searchableTitle(title: string): string {
  if (title.length <= MAX_TITLE_LENGTH && isPlain(title)) return title;
  return cut(normalized(title).replace(/\s+/gu, ' ').trim(), MAX_TITLE_LENGTH);
}

/** Tags are compared without regard to case. */
export function searchableTag(tag: string): string {
  return normalized(tag).trim().toLowerCase();
}

/** A moment as people write its day (UTC), so that `May 2023` finds it: `8 May 2023`. */
export function dateWords(moment: string): string {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return '';
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** NFKC without what cannot be stored or seen. */
export function normalized(text: string): string {
  // NFKC can lengthen a text eighteenfold, so what cannot fit anyway goes first.
  return text.slice(0, MAX_TEXT_BYTES).replace(UNSTORABLE, ' ').replace(INVISIBLE, '').normalize('NFKC');
}

/** Runs of scripts without spaces, cut into words; everything else unchanged. */
export function segmented(text: string): string {
  if (!UNSPACED.test(text)) return text;
  return text.replace(UNSPACED_RUN, (run) => {
    let words = ' ';
    for (const { segment } of segmenter.segment(run)) words += `${segment} `;
    return words;
  });
}

/** The words inside one compound word; empty when it is a plain one. */
export function pieces(word: string): string[] {
  if (word.length > MAX_WORD_LENGTH) return [];
  const found = UNICODE_COMPOUND.test(word) ? split(word) : [];
  if (!MARKED_LATIN.test(word)) return found;
  const plain = unmarked(word);
  return plain === word ? found : [...found, ...(found.length > 0 ? split(plain) : [plain])];
}

/** `é` -> `e`, for Latin letters only: a mark on a kana or an Indic letter makes another letter. */
export function unmarked(word: string): string {
  return word
    .normalize('NFD')
    .replace(/(?<=\p{Script=Latin}\p{M}*)\p{M}/gu, '')
    .normalize('NFC');
}

/** Nothing to normalise, and nothing that PostgreSQL refuses. */
function isPlain(text: string): boolean {
  return ASCII.test(text) && !text.includes('\0');
}

function split(word: string): string[] {
  return word
    .split(SEPARATORS)
    .flatMap((part) => part.split(CAMEL_BORDER))
    .filter((part) => part !== '');
}

function withPieces(text: string, compound: RegExp): string {
  let added = '';
  for (const word of text.split(/\s+/u)) {
    if (compound.test(word) || MARKED_LATIN.test(word)) {
      for (const piece of pieces(word)) added += ` ${piece}`;
      if (added.length > MAX_TEXT_BYTES) break;
    }
  }
  return cutBytes(text + added);
}

function cutBytes(text: string): string {
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (text.length * 3 <= MAX_TEXT_BYTES) return text;
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(MAX_TEXT_BYTES)).read);
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const isPair = (text.codePointAt(length - 1) ?? 0) > 0xffff;
  return text.slice(0, isPair ? length - 1 : length);
}
