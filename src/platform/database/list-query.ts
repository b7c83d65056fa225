import { Invalid } from '../errors/contract-problems.js';
import { isPrintedTimestamp } from '../formats/timestamps.js';
import { type ListFilter, type ListRequest, type Page, writeCursor } from '../http/listing.js';
import type { Database } from './database.js';
import type { Statement } from './statement.js';

/** Where a list reads from. All of it is static text of the repository. */
export interface ListSource {
  readonly table: string;
  /** The columns of an item, as they stand behind SELECT. */
  readonly columns: string;
  /** A further condition that always holds. */
  readonly where?: string;
}

const TYPES: Readonly<Record<string, string>> = {
  text: 'text',
  choice: 'text',
  uuid: 'uuid',
  integer: 'bigint',
  number: 'double precision',
  boolean: 'boolean',
  timestamp: 'timestamptz',
  date: 'date',
};

/** Builds the statements of a list request: keyset paging (never an offset), every value a parameter. */
export class ListQuery {
  private readonly values: unknown[] = [];
  private readonly conditions: string[];

  constructor(
    private readonly source: ListSource,
    private readonly request: ListRequest,
    has_deleted = true,
  ) {
    this.conditions = source.where === undefined ? [] : [source.where];
    if (has_deleted && !request.include_deleted) this.conditions.push('deleted_at is null');
    for (const filter of request.filters) this.conditions.push(this.condition(filter));
  }

  /** A further condition of the repository; `values` fill its `?` placeholders. */
  and(sql: string, ...values: unknown[]): this {
    let index = 0;
    this.conditions.push(sql.replace(/\?/g, () => this.param(values[index++])));
    return this;
  }

  /** The page: one row more than asked for, so that the end is known. The sort keys come along as `sort_<n>`. */
  page(): Statement {
    const { sort, limit, after } = this.request;
    const counted = [...this.values];
    const conditions = [...this.conditions];
    const param = (value: unknown) => {
      counted.push(value);
      return `$${counted.length}`;
    };
    const keys = [...sort, { column: 'id', type: 'uuid', is_descending: sort[0]?.is_descending ?? true }];
    if (after) conditions.push(keysetCondition(keys, after, param));
    const order = keys.map((key) => `${key.column} ${key.is_descending ? 'desc' : 'asc'}`).join(', ');
    const positions = sort.map((key, index) => `${key.column}::text as sort_${index}`).join(', ');
    return {
      text: `select ${this.source.columns}${positions === '' ? '' : `, ${positions}`} from ${this.source.table}${where(conditions)} order by ${order} limit ${param(limit + 1)}`,
      values: counted,
    };
  }

  /** The exact number of matching rows. */
  count(): Statement {
    return {
      text: `select count(*)::bigint as count from ${this.source.table}${where(this.conditions)}`,
      values: [...this.values],
    };
  }

  /** Reads the page, and the count where it is asked for, in one round trip. */
  async read<Row extends { id: string }>(db: Pick<Database, 'readAll'>): Promise<Page<Row>> {
    const statements = this.request.wants_count ? [this.page(), this.count()] : [this.page()];
    const [rows = [], counted] = await db.readAll(statements);
    return this.toPage(rows as Row[], counted?.[0]?.['count'] as number | undefined);
  }

  /** Cuts the extra row off and writes the cursor. */
  toPage<Row extends { id: string }>(rows: readonly Row[], count?: number): Page<Row> {
    const { limit, sort } = this.request;
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? (page.at(-1) as (Row & Record<string, string>) | undefined) : undefined;
    const position = last && [...sort.map((_key, index) => String(last[`sort_${index}`])), last.id];
    const next_cursor = position ? writeCursor(this.request, position) : null;
    // Undefined and not deleted: JSON leaves it out all the same, and a deleted member makes the object slow to write.
    for (const row of page as Record<string, unknown>[])
      sort.forEach((_key, index) => (row[`sort_${index}`] = undefined));
    return { items: page, next_cursor, ...(count !== undefined && { count }) };
  }

  private condition({ spec, column, operator, value }: ListFilter): string {
    if (operator === 'is_null') return `${column} is ${value === true ? '' : 'not '}null`;
    const type = TYPES[spec.kind] ?? 'text';
    const param = this.param(value);
    if (spec.sql) return spec.sql(param);
    switch (operator) {
      case 'eq':
        return `${column} = ${param}::${type}`;
      case 'ne':
        return `${column} is distinct from ${param}::${type}`;
      case 'in':
        return `${column} = any(${param}::${type}[])`;
      case 'gt':
        return `${column} > ${param}::${type}`;
      case 'gte':
        return `${column} >= ${param}::${type}`;
      case 'lt':
        return `${column} < ${param}::${type}`;
      case 'lte':
        return `${column} <= ${param}::${type}`;
      case 'contains':
        return `position(lower(${param}) in lower(${column})) > 0`;
    }
  }

  private param(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

interface Key {
  readonly column: string;
  readonly type: string;
  readonly is_descending: boolean;
}

/** Rows behind a position. With one direction a row comparison, which an index serves; else the expanded form. */
function keysetCondition(keys: readonly Key[], after: readonly string[], param: (value: unknown) => string): string {
  const params = keys.map((key, index) => `${param(checked(key, after[index] ?? ''))}::${key.type}`);
  if (keys.every((key) => key.is_descending === keys[0]?.is_descending)) {
    const operator = keys[0]?.is_descending ? '<' : '>';
    return `(${keys.map((key) => key.column).join(', ')}) ${operator} (${params.join(', ')})`;
  }
  const steps = keys.map((key, index) => {
    const equal = keys.slice(0, index).map((earlier, at) => `${earlier.column} = ${params[at]}`);
    return `(${[...equal, `${key.column} ${key.is_descending ? '<' : '>'} ${params[index]}`].join(' and ')})`;
  });
  return `(${steps.join(' or ')})`;
}

/** A forged position must be a mistake of the caller, not a failed cast. */
function checked(key: Key, value: string): string {
  const isWrong =
    (key.type === 'timestamptz' && !isPrintedTimestamp(value)) ||
    (key.type === 'integer' && !(/^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) < 2 ** 31)) ||
    (key.type === 'bigint' && !/^-?\d{1,18}$/.test(value)) ||
    (key.type === 'double precision' && !/^-?\d{1,18}(\.\d{1,20})?(e[+-]\d{1,2})?$/.test(value));
  if (isWrong) throw new Invalid([{ pointer: '?cursor', detail: 'This cursor belongs to no page of this list.' }]);
  return value;
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
}
