import { createHash } from 'node:crypto';
import { isUUID } from 'class-validator';
import { Invalid } from '../errors/contract-problems.js';
import { didYouMean } from '../errors/nearest-name.js';
import type { FieldMistake } from '../errors/problem.js';
import { isCalendarDay, readTimestamp } from '../formats/timestamps.js';

/** What a filter's value is. `column` filters compare a column; others are named and the repository knows their SQL. */
export interface FilterSpec {
  readonly kind: 'text' | 'uuid' | 'integer' | 'number' | 'boolean' | 'timestamp' | 'date' | 'choice';
  readonly description: string;
  readonly choices?: readonly string[];
  /** The column compared; default the filter's name. */
  readonly column?: string;
  /** Operators beside equality; default: all that fit the kind. */
  readonly operators?: readonly FilterOperator[];
  /** Brings a value to the form in which it is stored; null: it can match nothing. */
  readonly normalise?: (value: string) => string | null;
  /** SQL of a filter that is no column comparison; `param` is the placeholder of the value. */
  readonly sql?: (param: string) => string;
}

export type FilterOperator = 'eq' | 'ne' | 'in' | 'gt' | 'gte' | 'lt' | 'lte' | 'is_null' | 'contains';

/** One sort key; `column` is never null (keyset paging compares it). */
export interface SortSpec {
  readonly column: string;
  readonly type: 'timestamptz' | 'text' | 'uuid' | 'integer' | 'bigint' | 'double precision';
}

/** What a list can be asked. */
export interface ListSpec {
  readonly filters: Readonly<Record<string, FilterSpec>>;
  readonly sorts: Readonly<Record<string, SortSpec>>;
  /** Such as `-created_at`. */
  readonly default_sort: string;
  readonly has_search?: boolean;
  readonly has_tags?: boolean;
  readonly has_deleted?: boolean;
  readonly max_limit?: number;
  readonly default_limit?: number;
}

export interface ListFilter {
  readonly spec: FilterSpec;
  readonly column: string;
  readonly operator: FilterOperator;
  readonly value: string | boolean | readonly string[];
}

export interface ListSort {
  readonly name: string;
  readonly column: string;
  readonly type: SortSpec['type'];
  readonly is_descending: boolean;
}

/** A list request after every check. */
export interface ListRequest {
  readonly limit: number;
  readonly filters: readonly ListFilter[];
  readonly sort: readonly ListSort[];
  /** Values of the sort keys and the id of the last row of the page before. */
  readonly after: readonly string[] | null;
  readonly q: string | null;
  readonly tags: readonly string[];
  readonly include_deleted: boolean;
  readonly wants_count: boolean;
  /** Binds cursors to filter and sort. */
  readonly digest: string;
}

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
  readonly count?: number;
}

const OPERATORS: Readonly<Record<FilterSpec['kind'], readonly FilterOperator[]>> = {
  text: ['eq', 'ne', 'in', 'is_null'],
  choice: ['eq', 'ne', 'in', 'is_null'],
  uuid: ['eq', 'ne', 'in', 'is_null'],
  boolean: ['eq'],
  integer: ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'is_null'],
  number: ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'is_null'],
  timestamp: ['gt', 'gte', 'lt', 'lte', 'is_null'],
  date: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'is_null'],
};

type Query = Readonly<Record<string, unknown>>;

/**
 * Reads the parameters of a list.
 * @throws {Invalid} for an unknown parameter, a value that does not fit, or a cursor of another list.
 */
export function readListQuery(spec: ListSpec, query: Query): ListRequest {
  const mistakes: FieldMistake[] = [];
  const filters: ListFilter[] = [];
  const fixed = fixedParameters(spec);
  for (const [parameter, raw] of Object.entries(query)) {
    if (fixed.has(parameter)) continue;
    const value = Array.isArray(raw) ? undefined : raw;
    const [name, operator] = splitParameter(parameter, spec);
    const filter = spec.filters[name];
    if (!filter || !Object.hasOwn(spec.filters, name)) {
      const known = [...fixed, ...Object.keys(spec.filters)];
      mistakes.push({
        pointer: `?${parameter.slice(0, 100)}`,
        detail: `${parameter.slice(0, 64)} is no parameter of this list. ${didYouMean(name, known)}`.trim(),
      });
    } else if (typeof value !== 'string') {
      mistakes.push({
        pointer: `?${parameter}`,
        detail: `${parameter} is given more than once. Use ${name}.in=a,b for several values.`,
      });
    } else {
      const read = readFilter(name, filter, operator, value);
      if ('detail' in read) mistakes.push({ pointer: `?${parameter}`, detail: read.detail });
      else filters.push(read);
    }
  }
  const one = (name: string): string | undefined => {
    const value = query[name];
    if (Array.isArray(value)) mistakes.push({ pointer: `?${name}`, detail: `${name} is given more than once.` });
    return typeof value === 'string' ? value : undefined;
  };
  const limit = readLimit(spec, one('limit'), mistakes);
  const sort = readSort(spec, one('sort') ?? spec.default_sort, mistakes);
  const q = one('q')?.trim() || null;
  const tags = (one('tag') ?? '')
    .split(',')
    .map((tag) => tag.trim())
    .filter(Boolean);
  const include_deleted = readFlag('include_deleted', one('include_deleted'), mistakes);
  const wants_count = readFlag('count', one('count'), mistakes);
  if (q !== null && include_deleted)
    mistakes.push({
      pointer: '?q',
      detail: 'q together with include_deleted is not possible: deleted records are not indexed.',
    });
  // In one order, however the caller wrote them: the same filters are the same statement and the same cursor.
  filters.sort((a, b) => (`${a.column} ${a.operator}` < `${b.column} ${b.operator}` ? -1 : 1));
  const digest = createHash('sha256')
    .update(
      JSON.stringify([
        filters.map(({ column, operator, value }) => [column, operator, value]),
        sort.map((key) => [key.name, key.is_descending]),
        q,
        tags,
        include_deleted,
      ]),
    )
    .digest('base64url')
    .slice(0, 12);
  const cursor = one('cursor');
  const after = cursor === undefined ? null : readCursor(cursor, digest, sort.length + 1, mistakes);
  if (mistakes.length > 0) throw new Invalid(mistakes);
  return { limit, filters, sort, after, q, tags, include_deleted, wants_count, digest };
}

/** The cursor behind the row that ended a page. */
export function writeCursor(request: Pick<ListRequest, 'digest'>, position: readonly string[]): string {
  return Buffer.from(JSON.stringify([request.digest, ...position])).toString('base64url');
}

/** The parameters of a list with a sentence each, for OpenAPI. */
export function listParameters(spec: ListSpec): Readonly<Record<string, string>> {
  const sorts = Object.keys(spec.sorts).join(', ');
  return {
    limit: `Rows per page, 1 to ${spec.max_limit ?? 500} (default ${spec.default_limit ?? 50}).`,
    cursor: 'Where to go on: next_cursor of the page before, with the same filters and sort.',
    sort: `Comma-separated keys, "-" before a key sorts downwards. Known: ${sorts}. Default ${spec.default_sort}.`,
    count: 'true adds the exact number of matching rows.',
    ...(spec.has_search && { q: 'Full-text search.' }),
    ...(spec.has_tags && { tag: 'Rows that carry all of these tags (comma-separated).' }),
    ...(spec.has_deleted && { include_deleted: 'true shows deleted rows as well.' }),
    ...Object.fromEntries(
      Object.entries(spec.filters).flatMap(([name, filter]) =>
        operatorsOf(filter).map((operator) => [
          operator === 'eq' ? name : `${name}.${operator}`,
          operator === 'eq' ? filter.description : `${filter.description} Operator ${operator}.`,
        ]),
      ),
    ),
  };
}

function fixedParameters(spec: ListSpec): ReadonlySet<string> {
  const names = ['limit', 'cursor', 'sort', 'count'];
  if (spec.has_search) names.push('q');
  if (spec.has_tags) names.push('tag');
  if (spec.has_deleted) names.push('include_deleted');
  return new Set(names);
}

function splitParameter(parameter: string, spec: ListSpec): [string, string] {
  if (Object.hasOwn(spec.filters, parameter)) return [parameter, 'eq'];
  const dot = parameter.lastIndexOf('.');
  return dot < 0 ? [parameter, 'eq'] : [parameter.slice(0, dot), parameter.slice(dot + 1)];
}

function operatorsOf(filter: FilterSpec): readonly FilterOperator[] {
  return filter.operators ?? (filter.sql ? ['eq'] : OPERATORS[filter.kind]);
}

function readFilter(name: string, spec: FilterSpec, operator: string, text: string): ListFilter | { detail: string } {
  const allowed = operatorsOf(spec);
  if (!(allowed as readonly string[]).includes(operator)) {
    return {
      detail: `${name} can be compared by ${allowed.map((known) => (known === 'eq' ? '=' : known)).join(', ')}.`,
    };
  }
  const column = spec.column ?? name;
  if (operator === 'is_null') {
    if (text !== 'true' && text !== 'false') return { detail: `${name}.is_null must be true or false.` };
    return { spec, column, operator, value: text === 'true' };
  }
  const texts = operator === 'in' ? text.split(',') : [text];
  if (texts.length > 200) return { detail: `${name}.in takes at most 200 values.` };
  const values: string[] = [];
  for (const one of texts) {
    const wrong = mistakeOf(spec, one);
    if (wrong !== undefined) return { detail: `${name} ${wrong}` };
    const normal = spec.kind === 'timestamp' ? readTimestamp(one) : spec.normalise?.(one);
    values.push(normal ?? one);
  }
  return { spec, column, operator: operator as FilterOperator, value: operator === 'in' ? values : (values[0] ?? '') };
}

function mistakeOf(spec: FilterSpec, value: string): string | undefined {
  if (value.length > 1_000) return 'must have at most 1000 characters.';
  if (value.includes('\0')) return 'must not hold NUL.';
  switch (spec.kind) {
    case 'text':
      return undefined;
    case 'uuid':
      return isUUID(value) ? undefined : 'must be an id (UUID).';
    case 'choice':
      return spec.choices?.includes(value) ? undefined : `must be one of ${spec.choices?.join(', ')}.`;
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : 'must be true or false.';
    case 'integer':
      return /^-?\d{1,15}$/.test(value) ? undefined : 'must be a whole number.';
    case 'number':
      return /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? undefined : 'must be a number.';
    case 'timestamp':
      return readTimestamp(value) === undefined ? 'must be an RFC 3339 time such as 2026-01-31T09:30:00Z.' : undefined;
    case 'date':
      return isCalendarDay(value) ? undefined : 'must be a date such as 2026-01-31.';
  }
}

function readLimit(spec: ListSpec, text: string | undefined, mistakes: FieldMistake[]): number {
  const { max_limit = 500, default_limit = 50 } = spec;
  if (text === undefined) return default_limit;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > max_limit)
    mistakes.push({ pointer: '?limit', detail: `limit must be from 1 to ${max_limit}.` });
  return limit;
}

function readSort(spec: ListSpec, text: string, mistakes: FieldMistake[]): ListSort[] {
  const keys: ListSort[] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const name = part.trim().replace(/^-/, '');
    const sort = Object.hasOwn(spec.sorts, name) ? spec.sorts[name] : undefined;
    if (!sort) {
      mistakes.push({
        pointer: '?sort',
        detail: `"${name.slice(0, 64)}" is no sort key. ${didYouMean(name, Object.keys(spec.sorts))}`.trim(),
      });
    } else if (!keys.some((key) => key.name === name)) {
      keys.push({ name, column: sort.column, type: sort.type, is_descending: part.trim().startsWith('-') });
    }
  }
  return keys;
}

function readFlag(name: string, text: string | undefined, mistakes: FieldMistake[]): boolean {
  if (text !== undefined && text !== 'true' && text !== 'false')
    mistakes.push({ pointer: `?${name}`, detail: `${name} must be true or false.` });
  return text === 'true';
}

function readCursor(cursor: string, digest: string, length: number, mistakes: FieldMistake[]): string[] | null {
  try {
    const [bound, ...position] = JSON.parse(
      Buffer.from(cursor.slice(0, 4_000), 'base64url').toString('utf8'),
    ) as unknown[];
    const isWhole =
      position.length === length && position.every((value) => typeof value === 'string' && !value.includes('\0'));
    if (bound === digest && isWhole && isUUID(position.at(-1) as string)) return position as string[];
  } catch {
    // Falls through to the same answer as any other broken cursor.
  }
  mistakes.push({
    pointer: '?cursor',
    detail: 'This cursor belongs to no page of this list. Start without one and keep filters and sort while paging.',
  });
  return null;
}
