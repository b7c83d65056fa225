import { detectFormat, type Format } from './detect-format.js';
import { diagnose, failureOf, WHOLE_SOURCE, type Diagnostic } from './diagnostics.js';
import { mapCard } from './map-card.js';
import { mapRecord } from './map-record.js';
import type { Mapping } from './mapping.js';
import { normaliseRecord, type NormalisedRecord, type NormaliseOptions } from './normalise-record.js';
import { readVcards, type Vcard } from './parse-vcard.js';
import { planColumns, type ColumnPlan, type ColumnProposal, type PlanOptions } from './plan-columns.js';
import { decodeText, type DecodedText } from './read-charset.js';
import { openCsv } from './read-csv.js';
import { openJson } from './read-json.js';
import { decodeOctets } from './vcard-property.js';
import type { SourceRecord } from './source-record.js';
import type { Entity } from './targets.js';

/*
 * The pure half of the pipeline in one call: bytes of any source in, records ready to be matched and written out, one by
 * one, in memory that does not grow with the source. Nothing here knows a database, and nothing a source holds makes it
 * throw; only the stream of bytes itself can fail.
 */

/** What is known about a source before it is opened. */
export interface SourceOptions extends NormaliseOptions {
  readonly format?: string;
  readonly media_type?: string;
  readonly file_name?: string;
  readonly charset?: string;
  readonly delimiter?: string;
  readonly has_header?: boolean;
  readonly mapping?: Mapping;
  readonly entity?: Entity;
  /** The column (of a vCard: `uid`) whose value is the external id. */
  readonly external_id?: string;
  /** Records to pass over: the position of a run that goes on. */
  readonly skip?: number;
}

/** One row of the run: what was read, and what is to be written. */
export interface OpenedRecord {
  readonly source: SourceRecord;
  readonly normalised: NormalisedRecord;
}

/** A source that can be read. `records` can be iterated once. */
export interface OpenedSource {
  readonly ok: true;
  readonly format: Format;
  readonly entity: Entity;
  readonly delimiter: string | null;
  readonly header_line: number | null;
  readonly columns: readonly string[];
  readonly proposals: readonly ColumnProposal[];
  readonly records: AsyncGenerator<OpenedRecord, void, undefined>;
  /** The charset as far as it is known; final when the records have been read. */
  charset(): string;
  /** Findings about the source as a whole; complete when the records have been read. */
  diagnostics(): readonly Diagnostic[];
}

/** A source that is no such format at all. */
export interface UnreadableSource {
  readonly ok: false;
  readonly error: Diagnostic;
}

/** Formats that a reader exists for. */
const READABLE: readonly Format[] = ['csv', 'json', 'ndjson', 'vcard'];
const HEAD_BYTES = 8192;

/** Opens a source: charset, format, header and mapping are settled when this returns, the records follow as they are asked for. */
export async function openSource(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: SourceOptions = {},
): Promise<OpenedSource | UnreadableSource> {
  const peeked = await peekBytes(source);
  const { format: given, media_type: mediaType, file_name: fileName } = options;
  const charset = options.charset === undefined ? {} : { charset: options.charset };
  const head = decodeText(peeked.head, charset);
  const found = detectFormat({
    head: (await wholeText(head)).slice(0, HEAD_BYTES),
    ...(given === undefined ? {} : { format: given }),
    ...(mediaType === undefined ? {} : { media_type: mediaType }),
    ...(fileName === undefined ? {} : { file_name: fileName }),
  });
  const refuse = async (error: Diagnostic): Promise<UnreadableSource> => {
    await peeked.close();
    return { ok: false, error };
  };
  if (!found.ok || !READABLE.includes(found.format)) {
    const detail = found.ok ? `${found.format} cannot be read yet; send ${READABLE.join(', ')}` : found.detail;
    return refuse(diagnose(WHOLE_SOURCE, 'error', 'unreadable-payload', detail));
  }
  const decoded = decodeText(peeked.bytes, charset);
  if (found.format === 'vcard') {
    // Cards say the charset of each value themselves; only what has no ASCII letters in its bytes is decoded before.
    const isWide = head.charset().startsWith('utf-16') || options.charset !== undefined;
    return openCards(isWide ? asUtf8(decoded.text) : peeked.bytes, isWide ? decoded : head, options);
  }
  const opened =
    found.format === 'csv'
      ? await openTable(decoded.text, decoded, options)
      : await openObjects(decoded.text, decoded, found.format, options);
  return opened.ok ? opened : refuse(opened.error);
}

type Text = AsyncIterable<string>;

/** Cards have no columns to map: each property has its place by what it is. */
function openCards(bytes: AsyncIterable<Uint8Array>, decoded: DecodedText, options: SourceOptions): OpenedSource {
  const waiting = new Set<string>();
  const skip = options.skip ?? 0;
  async function* records(): AsyncGenerator<OpenedRecord, void, undefined> {
    for await (const card of readVcards(bytes)) {
      const {
        candidate,
        is_group: isGroup,
        waiting: names,
      } = mapCard(card, options.external_id?.toLowerCase() === 'uid');
      for (const name of names) waiting.add(name);
      if (card.row <= skip) continue;
      const { columns, cells } = cellsOfCard(card);
      const source = { row: card.row, line: card.line, columns, cells, diagnostics: card.diagnostics };
      const normalised = normaliseRecord(candidate, options);
      yield { source, normalised: isGroup ? asGroup(normalised) : normalised };
    }
  }
  return {
    ok: true,
    format: 'vcard',
    entity: 'contact',
    delimiter: null,
    header_line: null,
    columns: [],
    proposals: [],
    records: records(),
    charset: () => decoded.charset(),
    diagnostics: () => [
      ...decoded.diagnostics(),
      ...[...waiting].map((column) => {
        const message = 'photos and other files wait for the room of files; they were not taken';
        return diagnose(WHOLE_SOURCE, 'info', 'column-waits', message, { column });
      }),
    ],
  };
}

/** The properties of a card as cells, for the list of failed rows. */
function cellsOfCard({ properties }: Vcard): { columns: string[]; cells: string[] } {
  const shown = properties.filter(({ value }) => value.length <= MAX_SHOWN_CHARS);
  return { columns: shown.map(({ name }) => name), cells: shown.map((property) => decodeOctets(property.value)) };
}

const MAX_SHOWN_CHARS = 10_000;

function asGroup({ row, line, diagnostics }: NormalisedRecord): NormalisedRecord {
  const skipped = diagnose(
    { row, line },
    'info',
    'group-card',
    'the card describes a group, not a person; it was skipped',
  );
  return {
    row,
    line,
    entity: 'contact',
    values: {},
    diagnostics: [...diagnostics.filter(({ level }) => level !== 'error'), skipped],
    skipped,
  };
}

async function* asUtf8(text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of text) yield Buffer.from(chunk);
}

async function openTable(
  text: Text,
  decoded: DecodedText,
  options: SourceOptions,
): Promise<OpenedSource | UnreadableSource> {
  const { layout, records } = await openCsv(text, {
    ...(options.delimiter === undefined ? {} : { delimiter: options.delimiter }),
    ...(options.has_header === undefined ? {} : { has_header: options.has_header }),
    ...(options.skip === undefined ? {} : { skip: options.skip }),
    known_columns: [...(options.mapping?.columns.keys() ?? [])],
  });
  const error = failureOf(layout.diagnostics);
  if (error !== undefined) return { ok: false, error };
  const plan = planColumns(layout.columns, options.mapping, planOptions(options));
  return {
    ok: true,
    format: 'csv',
    entity: plan.entity,
    delimiter: layout.delimiter,
    header_line: layout.header_line,
    columns: layout.columns,
    proposals: plan.proposals,
    records: normalised(records, () => plan, options),
    charset: () => decoded.charset(),
    diagnostics: () => [...decoded.diagnostics(), ...layout.diagnostics, ...plan.diagnostics],
  };
}

/**
 * Objects may have other columns each: the first of the source tells the entity, also to a run that goes on, and what is
 * said of a column is said once.
 */
async function openObjects(
  text: Text,
  decoded: DecodedText,
  format: Format,
  options: SourceOptions,
): Promise<OpenedSource | UnreadableSource> {
  const opening = await openJson(text, { is_lines: format === 'ndjson' });
  if (!opening.ok) return opening;
  const { first, records } = await peekRecord(opening.records);
  const plans = new PlanShelf(first?.columns ?? [], options);
  return {
    ok: true,
    format,
    entity: plans.first.entity,
    delimiter: null,
    header_line: null,
    columns: plans.first.columns,
    proposals: plans.first.proposals,
    records: normalised(records, (columns) => plans.planFor(columns), options),
    charset: () => decoded.charset(),
    diagnostics: () => [...decoded.diagnostics(), ...plans.diagnostics],
  };
}

/** Plans for the sets of columns that occur; the few that recur are kept. */
class PlanShelf {
  readonly first: ColumnPlan;
  readonly diagnostics: Diagnostic[] = [];
  private readonly plans = new Map<string, ColumnPlan>();
  private readonly said = new Set<string>();

  constructor(
    columns: readonly string[],
    private readonly options: SourceOptions,
  ) {
    this.first = planColumns(columns, options.mapping, planOptions(options));
    this.keep(columns, this.first);
  }

  planFor(columns: readonly string[]): ColumnPlan {
    const known = this.plans.get(columns.join('\n'));
    if (known !== undefined) return known;
    const plan = planColumns(columns, this.options.mapping, {
      ...planOptions(this.options),
      entity: this.first.entity,
    });
    this.keep(columns, plan);
    return plan;
  }

  private keep(columns: readonly string[], plan: ColumnPlan): void {
    if (this.plans.size < MAX_PLANS) this.plans.set(columns.join('\n'), plan);
    for (const diagnostic of plan.diagnostics) {
      // A key that this object lacks may come with the next.
      if (diagnostic.code === 'column-missing') continue;
      const key = `${diagnostic.code} ${diagnostic.column ?? ''}`;
      if (this.said.has(key) || this.said.size >= MAX_SAID) continue;
      this.said.add(key);
      this.diagnostics.push(diagnostic);
    }
  }
}

const MAX_PLANS = 100;
const MAX_SAID = 1000;

function planOptions({ entity, external_id: externalId }: SourceOptions): PlanOptions {
  return {
    ...(entity === undefined ? {} : { entity }),
    ...(externalId === undefined ? {} : { external_id: externalId }),
  };
}

async function* normalised(
  records: AsyncIterable<SourceRecord>,
  planFor: (columns: readonly string[]) => ColumnPlan,
  { skip = 0, ...options }: SourceOptions,
): AsyncGenerator<OpenedRecord, void, undefined> {
  for await (const source of records) {
    if (source.row <= skip) continue;
    yield { source, normalised: normaliseRecord(mapRecord(source, planFor(source.columns)), options) };
  }
}

async function peekRecord(
  records: AsyncGenerator<SourceRecord, void, undefined>,
): Promise<{ first: SourceRecord | undefined; records: AsyncGenerator<SourceRecord, void, undefined> }> {
  const next = await records.next();
  const first = next.done === true ? undefined : next.value;
  async function* whole(): AsyncGenerator<SourceRecord, void, undefined> {
    try {
      if (first !== undefined) yield first;
      yield* records;
    } finally {
      await records.return();
    }
  }
  return { first, records: whole() };
}

/** The beginning of a source, and the whole of it again. */
async function peekBytes(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ head: Uint8Array[]; bytes: AsyncGenerator<Uint8Array, void, undefined>; close(): Promise<void> }> {
  const chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const close = async (): Promise<void> => {
    await chunks.return?.();
  };
  const held: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    held.push(next.value);
    length += next.value.length;
  }
  async function* whole(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let chunk = held.shift(); chunk !== undefined; chunk = held.shift()) yield chunk;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await close();
    }
  }
  return { head: [...held], bytes: whole(), close };
}

async function wholeText(decoded: DecodedText): Promise<string> {
  let text = '';
  for await (const chunk of decoded.text) text += chunk;
  return text;
}
