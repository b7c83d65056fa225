import { countLineEnds, nextLineStart } from './csv-scanner.js';
import { diagnose, NO_DIAGNOSTICS, WHOLE_SOURCE, type Diagnostic } from './diagnostics.js';
import { parseJson, type JsonNode } from './parse-json.js';
import type { CellValue, SourceRecord } from './source-record.js';
import { TextWindow } from './text-window.js';

/*
 * JSON as agents and APIs send it: an array, `{"items": [...]}`, one object, or one object per line. The elements are cut
 * out by their brackets and read one at a time, so a file may be larger than memory; an element that is broken inside its
 * brackets is one bad row, a broken line of NDJSON likewise.
 *
 * An object becomes columns by the paths to its values: `company.name`, `emails[1].value` (counted from 1, as targets
 * are); a list of plain values is one cell of several values. null is "not given".
 */

/** JSON of which the shape is known; `records` can be iterated once. */
export interface JsonSource {
  readonly ok: true;
  readonly records: AsyncGenerator<SourceRecord, void, undefined>;
}

export type JsonOpening = JsonSource | { readonly ok: false; readonly error: Diagnostic };

const MAX_ELEMENT_CHARS = 8 * 1024 * 1024;
const MAX_CELLS = 1000;

/** Opens JSON; `is_lines` says that it is NDJSON, otherwise the text tells. `skip` as in the CSV reader. */
export async function openJson(
  text: AsyncIterable<string> | Iterable<string>,
  options: { is_lines?: boolean; skip?: number } = {},
): Promise<JsonOpening> {
  const window = new TextWindow(text);
  await window.fill(64 * 1024);
  window.dropStart('\uFEFF');
  const cursor = new ElementCursor(window);
  const skip = options.skip ?? 0;
  await cursor.skipBlanks();
  const start = cursor.peek();
  if (start === undefined) return { ok: true, records: closing(window, none()) };
  if (options.is_lines === true || (start === '{' && isLine(window))) {
    return { ok: true, records: closing(window, lineRecords(window, cursor.line, skip)) };
  }
  if (start === '[') {
    cursor.pass(1);
    return { ok: true, records: closing(window, elementRecords(cursor, skip)) };
  }
  if (start !== '{') {
    const detail = `line ${cursor.line}, column ${cursor.column}: JSON begins with [ or {, not with ${JSON.stringify(start)}`;
    return { ok: false, error: diagnose(WHOLE_SOURCE, 'error', 'unreadable-payload', detail) };
  }
  if (await cursor.enterItems()) return { ok: true, records: closing(window, elementRecords(cursor, skip)) };
  return { ok: true, records: closing(window, elementRecords(cursor, skip, true)) };
}

/** Whether the first line is an object by itself and something follows: then every line is one. */
function isLine(window: TextWindow): boolean {
  const end = nextLineStart(window.text, window.at, window.isEnd);
  if (end < 0 || window.text.slice(end).trim() === '') return false;
  return parseJson(window.text.slice(window.at, end)).ok;
}

async function* none(): AsyncGenerator<SourceRecord, void, undefined> {
  // an empty source has no records
}

async function* closing(
  window: TextWindow,
  records: AsyncGenerator<SourceRecord, void, undefined>,
): AsyncGenerator<SourceRecord, void, undefined> {
  try {
    yield* records;
  } finally {
    await window.close();
  }
}

async function* lineRecords(
  window: TextWindow,
  firstLine: number,
  skip: number,
): AsyncGenerator<SourceRecord, void, undefined> {
  let line = firstLine;
  let row = 0;
  for (;;) {
    if (window.isEmpty && !(await window.more())) return;
    const end = nextLineStart(window.text, window.at, window.isEnd);
    if (end < 0 && window.length <= MAX_ELEMENT_CHARS) {
      await window.more();
      continue;
    }
    if (end < 0) {
      row++;
      if (row > skip)
        yield failed({ row, line }, 'record-too-large', 'the line has more than 8,388,608 characters', '');
      while (nextLineStart(window.text, window.at, window.isEnd) < 0) {
        window.advance(Math.max(window.length - 1, 0));
        if (!(await window.more())) return;
      }
      window.advance(nextLineStart(window.text, window.at, window.isEnd) - window.at);
    } else {
      const text = window.text.slice(window.at, end).trim();
      window.advance(end - window.at);
      if (text !== '') {
        row++;
        if (row > skip) yield recordOf(text, { row, line });
      }
    }
    line++;
  }
}

async function* elementRecords(
  cursor: ElementCursor,
  skip: number,
  isSingle = false,
): AsyncGenerator<SourceRecord, void, undefined> {
  for (let row = 1; ; row++) {
    await cursor.skipBlanks();
    const next = cursor.peek();
    if (!isSingle && next === ']') return;
    const place = { row, line: cursor.line };
    if (next === undefined) {
      yield failed(place, 'invalid-json', 'the text ends before the list does', '');
      return;
    }
    const element = await cursor.element();
    if (element === null) {
      const detail = 'the element does not end, or has more than 8,388,608 characters; nothing behind it could be read';
      yield failed(place, 'invalid-json', detail, '');
      return;
    }
    if (row > skip) yield recordOf(element, place);
    if (isSingle) return;
    await cursor.skipBlanks();
    if (cursor.peek() === ',') cursor.pass(1);
    else if (cursor.peek() !== ']' && cursor.peek() !== undefined) {
      const detail = `line ${cursor.line}, column ${cursor.column}: a comma is expected; nothing behind it could be read`;
      yield failed({ row: row + 1, line: cursor.line }, 'invalid-json', detail, '');
      return;
    }
  }
}

/** Walks over JSON text by its brackets and strings. */
class ElementCursor {
  line = 1;
  column = 1;

  constructor(private readonly window: TextWindow) {}

  peek(): string | undefined {
    return this.window.text[this.window.at];
  }

  pass(chars: number): void {
    const { text, at } = this.window;
    const lines = countLineEnds(text, at, at + chars);
    this.line += lines;
    if (lines === 0) this.column += chars;
    else
      this.column =
        at + chars - Math.max(text.lastIndexOf('\n', at + chars - 1), text.lastIndexOf('\r', at + chars - 1));
    this.window.advance(chars);
  }

  async skipBlanks(): Promise<void> {
    for (;;) {
      const { text, at } = this.window;
      let end = at;
      while (end < text.length && ' \t\r\n'.includes(text.charAt(end))) end++;
      if (end === text.length && text.endsWith('\r') && !this.window.isEnd && end > at) end--;
      if (end > at) this.pass(end - at);
      if (end < text.length && text.charAt(end) !== '\r') return;
      if (this.window.isEnd) return;
      await this.window.more();
    }
  }

  /** The text of the value that begins here, or null when it does not end or is too large. */
  async element(): Promise<string | null> {
    for (;;) {
      const { text, at, isEnd } = this.window;
      const end = valueEnd(text, at, isEnd);
      if (end >= 0) {
        const element = text.slice(at, end);
        this.pass(end - at);
        return element.length > MAX_ELEMENT_CHARS ? null : element;
      }
      if (isEnd || this.window.length > MAX_ELEMENT_CHARS) return null;
      await this.window.more();
    }
  }

  /** Moves into the list of `{"items": [`, behind members that are no list; false (and not moved) when there is none. */
  async enterItems(): Promise<boolean> {
    for (;;) {
      const found = itemsStart(this.window.text, this.window.at, this.window.isEnd);
      if (found > 0) {
        this.pass(found - this.window.at);
        return true;
      }
      if (found === 0 || this.window.isEnd || this.window.length > MAX_ELEMENT_CHARS) return false;
      await this.window.more();
    }
  }
}

/** Behind the bracket of the list in `{"items": [`; 0 when there is no such list, -1 when the text must go on. */
function itemsStart(text: string, start: number, isEnd: boolean): number {
  const blank = (from: number): number => {
    let at = from;
    while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++;
    return at;
  };
  let at = blank(start + 1);
  while (at < text.length) {
    if (text.charAt(at) !== '"') return 0;
    const keyEnd = valueEnd(text, at, isEnd);
    if (keyEnd < 0) return -1;
    const key = text.slice(at + 1, keyEnd - 1);
    at = blank(keyEnd);
    if (at < text.length && text.charAt(at) !== ':') return 0;
    at = blank(at + 1);
    if (at >= text.length) return isEnd ? 0 : -1;
    if (key === 'items' && text.charAt(at) === '[') return at + 1;
    const end = valueEnd(text, at, isEnd);
    if (end < 0) return isEnd ? 0 : -1;
    at = blank(end);
    if (at < text.length && text.charAt(at) !== ',') return 0;
    at = blank(at + 1);
  }
  return isEnd ? 0 : -1;
}

/** Where the value that begins at `start` ends, by brackets and strings only; -1 when the text must go on. */
function valueEnd(text: string, start: number, isEnd: boolean): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++;
      if (at >= text.length) return -1;
      if (depth === 0) return at + 1;
    } else if (code === 0x7b || code === 0x5b) {
      depth++;
    } else if (code === 0x7d || code === 0x5d) {
      if (depth === 0) return at > start ? at : at + 1;
      depth--;
      if (depth === 0) return at + 1;
    } else if (code === 0x2c && depth === 0) {
      return at;
    }
    at++;
  }
  return isEnd && depth === 0 ? text.length : -1;
}

function recordOf(text: string, place: { row: number; line: number }): SourceRecord {
  const reading = parseJson(text);
  if (!reading.ok) {
    const line = place.line + countLineEnds(text, 0, reading.offset);
    const near = text.slice(Math.max(reading.offset - 20, 0), reading.offset + 40);
    return failed({ row: place.row, line }, reading.code, reading.detail, near, text);
  }
  if (reading.node.kind !== 'object') return failed(place, 'not-a-record', 'an object is expected', text, text);
  const columns: string[] = [];
  const cells: CellValue[] = [];
  flatten('', reading.node, columns, cells);
  const diagnostics = reading.duplicates.map((key) =>
    diagnose(place, 'warning', 'duplicate-key', 'the key occurs more than once; the last one was taken', {
      column: key,
    }),
  );
  if (columns.length > MAX_CELLS) {
    const message = `an object has at most ${MAX_CELLS} values; this one has ${columns.length}`;
    diagnostics.push(diagnose(place, 'error', 'too-many-cells', message));
  }
  return { ...place, columns, cells, diagnostics: diagnostics.length === 0 ? NO_DIAGNOSTICS : diagnostics };
}

function flatten(path: string, node: JsonNode, columns: string[], cells: CellValue[]): void {
  switch (node.kind) {
    case 'null':
      return;
    case 'text':
      columns.push(path);
      cells.push(node.text);
      return;
    case 'object':
      for (const [key, member] of node.members) flatten(path === '' ? key : `${path}.${key}`, member, columns, cells);
      return;
    case 'list': {
      const texts = node.items.flatMap((item) => (item.kind === 'text' ? [item.text] : []));
      if (texts.length > 0) {
        columns.push(path);
        cells.push(texts);
      }
      node.items.forEach((item, index) => {
        if (item.kind === 'object' || item.kind === 'list') flatten(`${path}[${index + 1}]`, item, columns, cells);
      });
    }
  }
}

function failed(
  place: { row: number; line: number },
  code: 'invalid-json' | 'refused-key' | 'not-a-record' | 'record-too-large',
  message: string,
  value: string,
  text = '',
): SourceRecord {
  return {
    ...place,
    columns: ['json'],
    cells: [text],
    diagnostics: [diagnose(place, 'error', code, message, { value })],
  };
}
