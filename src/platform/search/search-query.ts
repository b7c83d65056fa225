import { normalized, pieces, segmented } from './searchable-text.js';

/** Terms of a query beyond this number are ignored. */
const MAX_TERMS = 32;
const MAX_QUERY_LENGTH = 2_000;

/** A query in which every required term must match: each term is text for PostgreSQL's `to_tsquery`. */
export interface SearchQuery {
  readonly required: string[];
  readonly excluded: string[];
  /** The query held something, though perhaps nothing that can be searched (`%`): then nothing matches. */
  readonly is_empty: boolean;
}

/**
 * Reads what a person types into a search box: words (each matches by stem or as a prefix, or by its pieces when it is a
 * compound such as `main.ts`), "quoted phrases" in order, and `-word` to exclude. Every other character is a letter.
 */
export function readSearchQuery(text: string): SearchQuery {
  const query = { required: new Set<string>(), excluded: new Set<string>() };
  const source = segmented(normalized(text.slice(0, MAX_QUERY_LENGTH)));
  for (const [, minus, phrase, word] of source.matchAll(/(-?)(?:"([^"]*)"?|([^\s"]+))/gu)) {
    const terms = phrase !== undefined ? phraseTerm(phrase) : wordTerm(word ?? '', minus !== '-');
    if (terms) query[minus === '-' ? 'excluded' : 'required'].add(terms);
  }
  return {
    required: [...query.required].slice(0, MAX_TERMS),
    excluded: [...query.excluded].slice(0, MAX_TERMS),
    is_empty: source.trim() === '',
  };
}

/** `'main.ts':* | 'main' & 'ts':*`; undefined when there is no letter or digit in it. */
function wordTerm(word: string, isPrefix: boolean): string | undefined {
  if (!isSearchable(word)) return undefined;
  const star = isPrefix ? ':*' : '';
  const inner = pieces(word);
  if (inner.length === 0) return `${quoted(word)}${star}`;
  return `${quoted(word)}${star} | ${inner.map(quoted).join(' & ')}${star}`;
}

function phraseTerm(phrase: string): string | undefined {
  const words = phrase.split(/\s+/u).filter(isSearchable);
  return words.length === 0 ? undefined : words.map(quoted).join(' <-> ');
}

function isSearchable(word: string): boolean {
  return /[\p{L}\p{N}]/u.test(word);
}

function quoted(word: string): string {
  return `'${word.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
