import { detectFormat, type Format } from './detect-format.js';
import { diagnose, failureOf, WHOLE_SOURCE, type Diagnostic } from './diagnostics.js';
import { mapRecord } from './map-record.js';
import type { Mapping } from './mapping.js';
import { normaliseRecord, type NormalisedRecord, type NormaliseOptions } from './normalise-record.js';
import { planColumns, type ColumnPlan, type ColumnProposal, type PlanOptions } from './plan-columns.js';
import { decodeText, type DecodedText } from './read-charset.js';
import { openCsv } from './read-csv.js';
import { openJson } from './read-json.js';
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
const READABLE: readonly Format[] = ['csv', 'json', 'ndjson'];
const HEAD_CHARS = 4096;

/** Opens a source: charset, format, header and mapping are settled when this returns, the records follow as they are asked for. */
export async function openSource(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: SourceOptions = {},
): Promise<OpenedSource | UnreadableSource> {
  const decoded = decodeText(bytes, options.charset === undefined ? {} : { charset: options.charset });
  const { head, text } = await peek(decoded.text);
  const { format: given, media_type: mediaType, file_name: fileName } = options;
  const found = detectFormat({
    head,
    ...(given === undefined ? {} : { format: given }),
    ...(mediaType === undefined ? {} : { media_type: mediaType }),
    ...(fileName === undefined ? {} : { file_name: fileName }),
  });
  if (!found.ok || !READABLE.includes(found.format)) {
    await text.return();
    const detail = found.ok ? `${found.format} cannot be read yet; send ${READABLE.join(', ')}` : found.detail;
    return { ok: false, error: diagnose(WHOLE_SOURCE, 'error', 'unreadable-payload', detail) };
  }
  return found.format === 'csv' ? openTable(text, decoded, options) : openObjects(text, decoded, found.format, options);
}

type Text = AsyncGenerator<string, void, undefined>;

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
  if (error !== undefined) {
    await text.return();
    return { ok: false, error };
  }
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

/** Objects may have other columns each: the first of the source tells the entity, also to a run that goes on, and what is said of a column is said once. */
async function openObjects(
  text: Text,
  decoded: DecodedText,
  format: Format,
  options: SourceOptions,
): Promise<OpenedSource | UnreadableSource> {
  const opening = await openJson(text, { is_lines: format === 'ndjson' });
  if (!opening.ok) {
    await text.return();
    return opening;
  }
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

/** The beginning of a text, and the whole text again. */
async function peek(
  source: AsyncIterable<string>,
): Promise<{ head: string; text: AsyncGenerator<string, void, undefined> }> {
  const chunks = source[Symbol.asyncIterator]();
  const held: string[] = [];
  let length = 0;
  while (length < HEAD_CHARS) {
    const next = await chunks.next();
    if (next.done === true) break;
    held.push(next.value);
    length += next.value.length;
  }
  async function* whole(): AsyncGenerator<string, void, undefined> {
    try {
      yield* held;
      held.length = 0;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { head: held.join('').slice(0, HEAD_CHARS), text: whole() };
}
