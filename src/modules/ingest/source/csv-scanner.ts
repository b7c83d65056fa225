/*
 * One row of CSV (RFC 4180) out of a text that may end in the middle of it. csv-parse was tried first: after a quote that
 * is never closed it swallows the rest of the file, and it cannot be told to go on at the next line. One bad row must not
 * sink the others, so the rows are cut here, where the position of the quote is known.
 */

/** A cell may have at most this many characters. */
export const MAX_CELL_CHARS = 1024 * 1024;
/** A row keeps at most this many cells; the others are only counted. */
export const MAX_COLUMNS = 1000;

const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/** What kept a row from being read as it stands. */
export type ScanProblem =
  | { readonly kind: 'unclosed-quote'; readonly line: number; readonly cell: number; readonly resumeSearch: number }
  | { readonly kind: 'cell-too-large'; readonly cell: number };

/** A row as it was cut. Lines are counted from the row's first line, 0-based. */
export interface ScannedRow {
  cells: string[];
  /** Also counts the cells beyond {@link MAX_COLUMNS}. */
  cellCount: number;
  /** Whether a cell beyond {@link MAX_COLUMNS} held anything. */
  hasFilledOverflow: boolean;
  /** Where the next row begins. */
  end: number;
  /** Line ends within the row, its own included. */
  lines: number;
  /** Index of the first cell with a quote that should have been doubled, or -1. */
  strayQuoteCell: number;
  problem: ScanProblem | undefined;
  /** How far the scanner looked: what a row with an unclosed quote costs. */
  scannedTo: number;
}

/** How a row is to be cut. */
export interface ScanRules {
  /** Code of the delimiter, one UTF-16 unit. */
  readonly delimiter: number;
  /** Nothing follows the text. */
  readonly isEnd: boolean;
  /** Whether a quoted cell may hold line ends. */
  readonly isMultiline: boolean;
}

/**
 * Cuts the row that begins at `start`. Returns null when the row goes on beyond the text and `isEnd` is false.
 * An empty line is a row without cells. A quote counts only at the beginning of a cell. Linear in the text looked at.
 */
export function scanRow(text: string, start: number, rules: ScanRules): ScannedRow | null {
  const { delimiter, isEnd } = rules;
  const length = text.length;
  const row: ScannedRow = {
    cells: [],
    cellCount: 0,
    hasFilledOverflow: false,
    end: length,
    lines: 0,
    strayQuoteCell: -1,
    problem: undefined,
    scannedTo: length,
  };
  let at = start;
  for (;;) {
    let value: string;
    if (at < length && text.charCodeAt(at) === QUOTE) {
      const quoted = scanQuoted(text, at, rules);
      if (quoted === null) return null;
      row.lines += quoted.lines;
      if (quoted.isUnclosed) {
        row.problem = { kind: 'unclosed-quote', line: row.lines, cell: row.cellCount, resumeSearch: at };
        row.scannedTo = quoted.end;
        row.end = at;
        return row;
      }
      if (quoted.hasStrayQuote && row.strayQuoteCell < 0) row.strayQuoteCell = row.cellCount;
      value = quoted.value;
      at = quoted.end;
    } else {
      let stop = at;
      for (; stop < length; stop++) {
        const code = text.charCodeAt(stop);
        if (code === delimiter || code === LF || code === CR) break;
      }
      if (stop === length && !isEnd) return null;
      value = text.slice(at, stop);
      if (value.length > MAX_CELL_CHARS) {
        row.problem ??= { kind: 'cell-too-large', cell: row.cellCount };
        value = '';
      }
      at = stop;
    }
    const isBlankLine = row.cellCount === 0 && at === start && (at === length || text.charCodeAt(at) !== delimiter);
    if (!isBlankLine) {
      row.cellCount++;
      if (row.cells.length < MAX_COLUMNS) row.cells.push(value);
      else if (value.length > 0) row.hasFilledOverflow = true;
    }
    if (at >= length) {
      if (!isEnd) return null;
      row.end = length;
      row.scannedTo = length;
      return row;
    }
    const code = text.charCodeAt(at);
    at++;
    if (code === delimiter) continue;
    if (code === CR) {
      if (at === length && !isEnd) return null;
      if (at < length && text.charCodeAt(at) === LF) at++;
    }
    row.lines++;
    row.end = at;
    row.scannedTo = at;
    return row;
  }
}

interface QuotedCell {
  value: string;
  /** Just behind the closing quote and the blanks after it; of an unclosed one: how far was looked. */
  end: number;
  lines: number;
  isUnclosed: boolean;
  hasStrayQuote: boolean;
}

/**
 * A quote followed by neither a delimiter nor a line end was not meant to close the cell. On the line that the cell
 * opened at it is kept as written; on a later line it opens another cell, so the first quote was never closed.
 */
function scanQuoted(text: string, open: number, rules: ScanRules): QuotedCell | null {
  const { delimiter, isEnd, isMultiline } = rules;
  const length = text.length;
  let value = '';
  let from = open + 1;
  let look = from;
  let counted = from;
  let lines = 0;
  let hasStrayQuote = false;
  const unclosed = (looked: number): QuotedCell => {
    const end = Math.min(looked, open + MAX_CELL_CHARS); // whatever the text held beyond, so that a rerun counts alike
    return { value: '', end, lines: 0, isUnclosed: true, hasStrayQuote };
  };
  for (;;) {
    const quote = isMultiline ? text.indexOf('"', look) : indexOfQuoteOnLine(text, look);
    if (quote === -1 || quote - open > MAX_CELL_CHARS + 1) {
      if (quote !== -1 || length - open > MAX_CELL_CHARS || isEnd) return unclosed(quote === -1 ? length : quote);
      if (!isMultiline && hasLineEnd(text, look)) return unclosed(look);
      return null;
    }
    if (quote + 1 === length && !isEnd) return null;
    const next = quote + 1 < length ? text.charCodeAt(quote + 1) : LF;
    if (next === QUOTE) {
      value += text.slice(from, quote + 1);
      from = look = quote + 2;
      continue;
    }
    let after = quote + 1;
    while (after < length && isBlank(text.charCodeAt(after), delimiter)) after++;
    if (after === length && !isEnd) return null;
    const code = after < length ? text.charCodeAt(after) : LF;
    lines += countLineEnds(text, counted, quote);
    counted = quote;
    if (code === delimiter || code === LF || code === CR) {
      value += text.slice(from, quote);
      return { value, end: after, lines, isUnclosed: false, hasStrayQuote };
    }
    if (lines > 0) return unclosed(quote);
    hasStrayQuote = true;
    look = quote + 1;
  }
}

function isBlank(code: number, delimiter: number): boolean {
  return code === SPACE || (code === TAB && delimiter !== TAB);
}

/** Line ends in the range: CR, LF, or CR LF as one. A CR that ends the range counts. */
export function countLineEnds(text: string, from: number, to: number): number {
  let lines = 0;
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index);
    if (code === LF) lines++;
    else if (code === CR && !(index + 1 < to && text.charCodeAt(index + 1) === LF)) lines++;
  }
  return lines;
}

/** Where the line after the one at `from` begins, or -1 when its end is not in the text. */
export function nextLineStart(text: string, from: number, isEnd: boolean): number {
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === LF) return index + 1;
    if (code !== CR) continue;
    if (index + 1 === text.length) return isEnd ? text.length : -1;
    return text.charCodeAt(index + 1) === LF ? index + 2 : index + 1;
  }
  return isEnd ? text.length : -1;
}

function indexOfQuoteOnLine(text: string, from: number): number {
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index;
    if (code === LF || code === CR) return -1;
  }
  return -1;
}

function hasLineEnd(text: string, from: number): boolean {
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === LF || code === CR) return true;
  }
  return false;
}
