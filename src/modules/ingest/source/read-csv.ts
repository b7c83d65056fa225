import { diagnose, NO_DIAGNOSTICS, type Diagnostic, type Place } from './diagnostics.js';
import { countLineEnds, nextLineStart, scanRow, type ScannedRow } from './csv-scanner.js';
import { detectLayout, type CsvLayout, type CsvLayoutOptions } from './csv-layout.js';
import type { SourceRecord } from './source-record.js';
import { TextWindow } from './text-window.js';

/*
 * A CSV of any size becomes records, one at a time, in memory that does not grow with the file. What is wrong with a row
 * is said about that row, and the next one is read as if nothing had happened; a file restarted at row n gives the same
 * rows with the same numbers as one read through.
 */

/** Options of {@link openCsv}. */
export interface CsvOptions extends CsvLayoutOptions {
  /** Rows to pass over, for a run that goes on where it stood. */
  readonly skip?: number;
}

/** A CSV whose header has been read; `records` can be iterated once. */
export interface CsvReading {
  readonly layout: CsvLayout;
  readonly records: AsyncGenerator<SourceRecord, void, undefined>;
}

const HEAD_CHARS = 64 * 1024;
/** A record may have at most this many characters. */
const MAX_RECORD_CHARS = 8 * 1024 * 1024;
/** Beyond this, looking for the end of quotes costs more than the file is worth; then a quote must close on its line. */
const FREE_RESCAN_CHARS = 16 * 1024 * 1024;

/** Reads the header and returns the records behind it. `layout.diagnostics` has an error when it cannot be read. */
export async function openCsv(
  text: AsyncIterable<string> | Iterable<string>,
  options: CsvOptions = {},
): Promise<CsvReading> {
  const window = new TextWindow(text);
  await window.fill(HEAD_CHARS);
  window.dropStart('\uFEFF');
  let layout = detectLayout(window.head(HEAD_CHARS), window.isEnd && window.length <= HEAD_CHARS, options);
  for (let size = 4 * HEAD_CHARS; layout === null; size *= 4) {
    await window.fill(size);
    const isAll = window.isEnd || size >= 2 * MAX_RECORD_CHARS;
    layout = detectLayout(window.head(isAll ? Infinity : size), isAll, options);
  }
  window.advance(layout.body_start);
  return { layout, records: readRows(window, layout, options.skip ?? 0) };
}

async function* readRows(
  window: TextWindow,
  layout: CsvLayout,
  skip: number,
): AsyncGenerator<SourceRecord, void, undefined> {
  try {
    yield* rowsOf(window, layout, skip);
  } finally {
    await window.close();
  }
}

async function* rowsOf(
  window: TextWindow,
  layout: CsvLayout,
  skip: number,
): AsyncGenerator<SourceRecord, void, undefined> {
  const { columns } = layout;
  const delimiter = layout.delimiter.charCodeAt(0);
  let line = layout.body_line;
  let row = 0;
  let rescanned = 0;
  let consumed = 0;
  for (;;) {
    if (window.isEmpty && !(await window.more())) return;
    const rules = { delimiter, isEnd: window.isEnd, isMultiline: rescanned < FREE_RESCAN_CHARS + consumed };
    const { text, at } = window;
    const scanned = scanRow(text, at, rules);
    if (scanned === null) {
      if (window.length <= MAX_RECORD_CHARS) {
        await window.more();
        continue;
      }
      row++;
      if (row > skip) yield tooLarge(columns, { row, line });
      await passLine(window);
      line++;
      continue;
    }
    if (scanned.problem?.kind === 'unclosed-quote') {
      row++;
      rescanned += scanned.scannedTo - scanned.problem.resumeSearch;
      const next = nextLineStart(text, scanned.problem.resumeSearch, window.isEnd);
      if (row > skip) {
        const rest = text.slice(scanned.problem.resumeSearch, next < 0 ? scanned.problem.resumeSearch + 200 : next);
        yield unclosed(columns, scanned, rest.trimEnd(), { row, line }, scanned.problem.line);
      }
      if (next < 0) {
        line += scanned.problem.line + 1;
        window.advance(scanned.problem.resumeSearch - at);
        await passLine(window);
      } else {
        line += countLineEnds(text, at, next);
        consumed += next - at;
        window.advance(next - at);
      }
      continue;
    }
    window.advance(scanned.end - at);
    consumed += scanned.end - at;
    if (scanned.cellCount > 0) {
      row++;
      if (row > skip) yield recordOf(columns, scanned, { row, line }, window.hasReplacement);
    }
    line += scanned.lines;
  }
}

/** Passes over the rest of a line, however long. */
async function passLine(window: TextWindow): Promise<void> {
  for (;;) {
    const next = nextLineStart(window.text, window.at, window.isEnd);
    if (next >= 0) {
      window.advance(next - window.at);
      return;
    }
    window.advance(Math.max(window.length - 1, 0)); // the last character may be the CR of a CR LF
    if (!(await window.more())) return;
  }
}

function recordOf(
  columns: readonly string[],
  { cells, cellCount, hasFilledOverflow, strayQuoteCell, problem }: ScannedRow,
  { row, line }: { row: number; line: number },
  mayHoldReplacement: boolean,
): SourceRecord {
  const isPlain = strayQuoteCell < 0 && problem === undefined && !mayHoldReplacement;
  if (isPlain && cellCount === columns.length) return { row, line, columns, cells, diagnostics: NO_DIAGNOSTICS };

  const place: Place = { row, line };
  const diagnostics: Diagnostic[] = [];
  const nameOf = (cell: number): string => columns[cell] ?? `Column ${cell + 1}`;
  if (problem?.kind === 'cell-too-large') {
    const message = 'the cell has more than 1,048,576 characters';
    diagnostics.push(diagnose(place, 'error', 'cell-too-large', message, { column: nameOf(problem.cell) }));
  }
  if (strayQuoteCell >= 0) {
    const message = 'a quote inside the quoted cell is not doubled; it was kept as written';
    const about = { column: nameOf(strayQuoteCell), value: cells[strayQuoteCell] ?? '' };
    diagnostics.push(diagnose(place, 'warning', 'stray-quote', message, about));
  }
  if (mayHoldReplacement) {
    cells.forEach((value, cell) => {
      if (!value.includes('\uFFFD')) return;
      const message = 'some bytes are no character of the charset; U+FFFD stands in their place';
      diagnostics.push(diagnose(place, 'warning', 'unreadable-characters', message, { column: nameOf(cell), value }));
    });
  }
  if (cellCount < columns.length) {
    const message = `${cellCount} of ${columns.length} cells; the missing ones are empty`;
    diagnostics.push(diagnose(place, 'warning', 'short-row', message));
    while (cells.length < columns.length) cells.push('');
  } else if (cellCount > columns.length) {
    const surplus = cells.slice(columns.length).find((cell) => cell.trim() !== '');
    if (surplus !== undefined || hasFilledOverflow) {
      const message = `${cellCount} cells where the header has ${columns.length}; is a quote or an escape missing?`;
      diagnostics.push(diagnose(place, 'error', 'too-many-cells', message, { value: surplus ?? '' }));
    } else {
      cells.length = columns.length;
    }
  }
  return { row, line, columns, cells, diagnostics: diagnostics.length === 0 ? NO_DIAGNOSTICS : diagnostics };
}

function unclosed(
  columns: readonly string[],
  { cells, cellCount }: ScannedRow,
  rest: string,
  place: { row: number; line: number },
  linesDown: number,
): SourceRecord {
  const openedAt = place.line + linesDown;
  const message = `the quote opened at line ${openedAt} is never closed; reading went on at the next line`;
  const column = columns[cellCount] ?? `Column ${cellCount + 1}`;
  const diagnostic = diagnose({ row: place.row, line: openedAt }, 'error', 'unclosed-quote', message, {
    column,
    value: rest,
  });
  return { ...place, columns, cells: [...cells, rest], diagnostics: [diagnostic] };
}

function tooLarge(columns: readonly string[], place: { row: number; line: number }): SourceRecord {
  const message = 'the record has more than 8,388,608 characters; reading went on at the next line';
  return { ...place, columns, cells: [], diagnostics: [diagnose(place, 'error', 'record-too-large', message)] };
}
