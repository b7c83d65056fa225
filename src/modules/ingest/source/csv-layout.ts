import { diagnose, type Diagnostic } from './diagnostics.js';
import { isKnownHeader, headerKey } from './header-aliases.js';
import { countLineEnds, MAX_COLUMNS, nextLineStart, scanRow } from './csv-scanner.js';

/** What the first 64 KiB of a CSV tell about all of it. */
export interface CsvLayout {
  readonly delimiter: string;
  /** Names of the columns, unique and never empty. */
  readonly columns: readonly string[];
  /** Physical line of the header row, or null when there is none. */
  readonly header_line: number | null;
  /** Where the first row of the body begins: offset in the text, and its physical line. */
  readonly body_start: number;
  readonly body_line: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** What the caller knows better than the first 64 KiB. */
export interface CsvLayoutOptions {
  readonly delimiter?: string;
  readonly has_header?: boolean;
  /** Columns that a given mapping names; they count as known headers. */
  readonly known_columns?: readonly string[];
}

interface HeadRow {
  readonly cells: readonly string[];
  readonly count: number;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly nextLine: number;
}

const DELIMITERS = [',', ';', '\t', '|'] as const;
const MAX_HEAD_ROWS = 200;
/** A header further down than this is data that happens to look like one. */
const MAX_HEADER_ROW = 50;

/** Finds delimiter and header row. Null when the head does not hold one whole row yet and more text may follow. */
export function detectLayout(head: string, isWhole: boolean, options: CsvLayoutOptions = {}): CsvLayout | null {
  const told = /^"?sep=([^\r\n"])"?(?:\r\n|\r|\n|$)/.exec(head);
  const start = told === null ? 0 : told[0].length;
  const firstLine = told === null ? 1 : 2;
  const known = new Set((options.known_columns ?? []).map(headerKey));
  const given = options.delimiter ?? told?.[1];
  const candidates = (given === undefined ? DELIMITERS : [given]).map((delimiter) => {
    const rows = headRows(head, start, firstLine, delimiter, isWhole);
    const header = rows.slice(0, MAX_HEADER_ROW).findIndex((row) => countKnown(row.cells, known) >= 2);
    return { delimiter, rows, header, ...steadiness(rows) };
  });
  // A delimiter that cuts a row into known headers is the one; otherwise the steadiest column count, then the most columns.
  candidates.sort(
    (a, b) => Number(b.header >= 0) - Number(a.header >= 0) || b.steady - a.steady || b.columns - a.columns,
  );
  const [best] = candidates;
  if (best === undefined) return null;
  const { delimiter, rows, header } = best;
  const first = rows[0];
  if (first === undefined) {
    if (!isWhole) return null;
    return {
      delimiter,
      columns: [],
      header_line: null,
      body_start: head.length,
      body_line: firstLine,
      diagnostics: [],
    };
  }
  const diagnostics: Diagnostic[] = [];
  if (options.has_header === false) {
    const width = Math.max(first.cells.length, best.columns);
    const columns = Array.from({ length: Math.min(width, MAX_COLUMNS) }, (_, index) => `Column ${index + 1}`);
    return { delimiter, columns, header_line: null, body_start: start, body_line: firstLine, diagnostics };
  }
  const headerRow = rows[header] ?? first;
  const place = { row: null, line: headerRow.line };
  if (header > 0) {
    const skipped = headerRow.line - 1;
    const message = `the header row is line ${headerRow.line}; the ${skipped} line${skipped === 1 ? '' : 's'} above were skipped`;
    diagnostics.push(diagnose(place, 'info', 'preamble-skipped', message));
  } else if (header < 0) {
    const message =
      'no row looks like a known header, so the first one was taken; options.has_header: false says otherwise';
    diagnostics.push(diagnose(place, 'info', 'header-guessed', message));
  }
  const columns = uniqueNames(headerRow.cells, (column, was) => {
    const message = was === '' ? 'a header cell is empty' : 'a header occurs more than once';
    diagnostics.push(
      diagnose(place, 'info', 'header-renamed', `${message}; the column is called ${column}`, { column }),
    );
  });
  if (headerRow.count > headerRow.cells.length) {
    const message = `line ${headerRow.line}: ${headerRow.count} columns; at most ${headerRow.cells.length} are read`;
    diagnostics.push(diagnose(place, 'error', 'unreadable-payload', message));
  }
  return {
    delimiter,
    columns,
    header_line: headerRow.line,
    body_start: headerRow.end,
    body_line: headerRow.nextLine,
    diagnostics,
  };
}

function headRows(head: string, start: number, firstLine: number, delimiter: string, isWhole: boolean): HeadRow[] {
  const rules = { delimiter: delimiter.charCodeAt(0), isEnd: isWhole, isMultiline: true };
  const rows: HeadRow[] = [];
  let at = start;
  let line = firstLine;
  while (at < head.length && rows.length < MAX_HEAD_ROWS) {
    const row = scanRow(head, at, rules);
    if (row === null) break;
    let end = row.end;
    let lines = row.lines;
    if (row.problem?.kind === 'unclosed-quote') {
      end = nextLineStart(head, row.problem.resumeSearch, isWhole);
      if (end < 0) break;
      lines = countLineEnds(head, at, end);
    }
    const nextLine = line + lines;
    if (row.cellCount > 0) {
      rows.push({ cells: row.cells, count: row.cellCount, line, start: at, end, nextLine });
    }
    line = nextLine;
    at = end;
  }
  return rows;
}

/** The share of rows that have the commonest column count; 0 when that count is 1. */
function steadiness(rows: readonly HeadRow[]): { steady: number; columns: number } {
  const counts = new Map<number, number>();
  for (const { count } of rows) counts.set(count, (counts.get(count) ?? 0) + 1);
  let columns = 1;
  let commonest = 0;
  for (const [count, times] of counts) {
    if (count > 1 && (times > commonest || (times === commonest && count > columns))) {
      columns = count;
      commonest = times;
    }
  }
  return { steady: rows.length === 0 ? 0 : commonest / rows.length, columns };
}

function countKnown(cells: readonly string[], known: ReadonlySet<string>): number {
  const found = new Set<string>();
  for (const cell of cells) {
    if (cell.length > 200) continue;
    const key = headerKey(cell);
    if (key !== '' && (known.has(key) || isKnownHeader(key))) found.add(key);
  }
  return found.size;
}

function uniqueNames(cells: readonly string[], renamed: (column: string, was: string) => void): string[] {
  const taken = new Set(cells.map((cell) => cell.trim()));
  const seen = new Set<string>();
  return cells.map((cell, index) => {
    const was = cell.trim();
    if (was !== '' && !seen.has(was)) {
      seen.add(was);
      return was;
    }
    const base = was === '' ? `Column ${index + 1}` : was;
    let name = was === '' && !taken.has(base) ? base : `${base} (2)`;
    for (let number = 3; taken.has(name) || seen.has(name); number++) name = `${base} (${number})`;
    seen.add(name);
    renamed(name, was);
    return name;
  });
}
