/**
 * What a run has to say about a row. No row is lost without a line that says why, so everything that reads, maps or
 * normalises a record speaks in these words and nothing throws because of what a file holds.
 */

/** `info`: nothing was lost. `warning`: the row lands, something in it did not. `error`: the row does not land. */
export type DiagnosticLevel = 'info' | 'warning' | 'error';

/** Every code a reader, the mapping or the normalisation may report, with its meaning. */
export const DIAGNOSTIC_CODES = {
  'charset-guessed': 'the bytes are not UTF-8; another charset was assumed',
  'charset-overridden': 'options.charset contradicts the byte order mark; the mark was believed',
  'unreadable-characters': 'a byte sequence has no character in the charset; U+FFFD stands in its place',
  'preamble-skipped': 'lines above the header row were skipped',
  'header-guessed': 'no row looks like a known header; the first row was taken',
  'header-renamed': 'a header cell was empty or a duplicate and got a name of its own',
  'unreadable-payload': 'the bytes are no such format at all',
  'short-row': 'the row has fewer cells than the header; the missing ones are empty',
  'too-many-cells': 'the row has more filled cells than the header',
  'unclosed-quote': 'a quoted cell is never closed',
  'stray-quote': 'a quote inside a quoted cell is not doubled; it was kept as written',
  'cell-too-large': 'a cell exceeds 1 MiB',
  'record-too-large': 'a record exceeds 8 MiB',
  'invalid-json': 'the line or element is no valid JSON',
  'duplicate-key': 'an object names a key twice; the last one wins',
  'refused-key': 'a key that could reach into the runtime (__proto__, constructor, prototype)',
  'not-a-record': 'the element is no object',
  'line-without-colon': 'a vCard line has no colon and was skipped',
  'card-not-ended': 'a card has no END line; it ends where the next begins',
  'file-too-large': 'an inline photo or file exceeds 2 MiB and was dropped',
  'group-card': 'a card describes a group, not a person',
  'empty-row': 'every cell of the row is empty',
  'column-not-mapped': 'no target is known for the column',
  'column-waits': 'the target of the column belongs to a room that is not there yet',
  'column-missing': 'the mapping names a column that the source does not have',
  'extra-values': 'a cell holds several values where one fits; the first was taken',
  'too-many-values': 'a list exceeds its maximum; the rest was dropped',
  'too-long': 'a value exceeds its maximum length and was kept aside',
  'invalid-email': 'not an e-mail address; kept in attributes.unparsed',
  'invalid-phone': 'not a phone number; kept as written, or in attributes.unparsed when it has no digit',
  'invalid-domain': 'not a domain that a company can own',
  'invalid-url': 'not a web address; kept in attributes.unparsed',
  'invalid-number': 'not a number; kept in attributes.unparsed',
  'ambiguous-amount': 'a separator may mean thousands or decimals; it was read as thousands',
  'ambiguous-date': 'day and month cannot be told apart; kept as text',
  'invalid-date': 'not a date; kept as text',
  'invalid-tag': 'a tag is too long and was dropped',
  'row-needs': 'the row names nothing to find or show it by',
} as const;

/** The stable name of a finding; see {@link DIAGNOSTIC_CODES}. */
export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;

/** One finding. `row` is 1-based with the header not counted, `line` the physical line; both null for the whole source. */
export interface Diagnostic {
  readonly row: number | null;
  readonly line: number | null;
  readonly level: DiagnosticLevel;
  readonly code: DiagnosticCode;
  readonly message: string;
  /** The target, as `email` or `company.domain`. */
  readonly field?: string;
  /** The name of the source column. */
  readonly column?: string;
  /** What was found, at most 100 characters. */
  readonly value?: string;
}

/** Where in the source something was found. */
export interface Place {
  readonly row: number | null;
  readonly line: number | null;
}

/** The whole source, not one of its rows. */
export const WHOLE_SOURCE: Place = { row: null, line: null };

/** Shared by the many records that nothing is to be said about. */
export const NO_DIAGNOSTICS: readonly Diagnostic[] = Object.freeze([]);

const MAX_VALUE_CHARS = 100;

/**
 * The first 100 characters of a value, whole code points. It is a copy, never a slice: a slice would keep the whole
 * chunk of the file alive for as long as the diagnostic lives.
 */
export function excerpt(value: string): string {
  const points: string[] = [];
  for (const point of value.slice(0, 2 * MAX_VALUE_CHARS)) {
    if (points.length === MAX_VALUE_CHARS) break;
    points.push(point);
  }
  return points.join('');
}

/** Makes one finding; `value` is cut to its excerpt. */
export function diagnose(
  place: Place,
  level: DiagnosticLevel,
  code: DiagnosticCode,
  message: string,
  about: { field?: string; column?: string; value?: string } = {},
): Diagnostic {
  const { field, column, value } = about;
  return {
    row: place.row,
    line: place.line,
    level,
    code,
    message,
    ...(field === undefined ? {} : { field }),
    ...(column === undefined ? {} : { column }),
    ...(value === undefined ? {} : { value: excerpt(value) }),
  };
}

/** The first error among the findings: what keeps the row from landing, or undefined. */
export function failureOf(diagnostics: readonly Diagnostic[]): Diagnostic | undefined {
  return diagnostics.length === 0 ? undefined : diagnostics.find((diagnostic) => diagnostic.level === 'error');
}
