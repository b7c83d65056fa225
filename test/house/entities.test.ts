import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ColumnOptions, getMetadataArgsStorage } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { projectRoot } from './planted-tree.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  const files = await readdir(join(projectRoot, 'src'), { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.entity.ts'))) await import(join(projectRoot, 'src', file));
});
afterAll(() => database.drop());

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly is_nullable: boolean;
  readonly is_generated: boolean;
}

/** An entity's type in the spelling of PostgreSQL. */
function spelled({ type, precision, array }: ColumnOptions): string {
  const digits = typeof precision === 'number' ? `(${precision})` : '';
  const base = type === 'timestamptz' ? `timestamp${digits} with time zone` : `${String(type)}${digits}`;
  return array === true ? `${base}[]` : base;
}

/**
 * Columns that the entity does not show, each with its reason. The workspace is nowhere an entity's business: the column
 * default fills it.
 */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  // what search and merging read in SQL only
  contacts: ['merged_into', 'last_name_key'],
  companies: ['merged_into', 'name_key'],
};

/** Every place where an entity and its table say different things. */
async function differences({ owner }: TestDatabase): Promise<string[]> {
  const found: string[] = [];
  const { tables, columns } = getMetadataArgsStorage();
  for (const { target, name: table = '' } of tables) {
    const { rows } = await owner.query<ColumnRow>(
      `select attname as name, format_type(atttypid, atttypmod) as type, not attnotnull as is_nullable,
              attgenerated <> '' as is_generated
       from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
      [table],
    );
    const real = new Map(rows.map((row) => [row.name, row]));
    const shown = columns.filter((column) => column.target === target);
    for (const { propertyName: name, options } of shown) {
      const column = real.get(name);
      const type = spelled(options);
      const isNullable = options.nullable === true;
      const isWritten = options.insert !== false || options.update !== false;
      if (name === 'workspace_id') found.push(`${table}: the entity shows workspace_id`);
      else if (!column) found.push(`${table}.${name} is no column`);
      else if (column.type !== type) found.push(`${table}.${name} is ${column.type}, not ${type}`);
      else if (column.is_nullable !== isNullable) found.push(`${table}.${name} may${isNullable ? ' not' : ''} be null`);
      else if (column.is_generated && isWritten) found.push(`${table}.${name} is generated and cannot be written`);
    }
    const known = new Set([...shown.map(({ propertyName }) => propertyName), ...(HIDDEN[table] ?? []), 'workspace_id']);
    for (const name of real.keys()) if (!known.has(name)) found.push(`${table}.${name} is missing in the entity`);
    for (const name of HIDDEN[table] ?? []) if (!real.has(name)) found.push(`${table}.${name} is hidden but no column`);
  }
  return found.sort();
}

it('compares every entity', () => {
  expect(getMetadataArgsStorage().tables.length).toBeGreaterThanOrEqual(4);
});

it('entities say what their tables say', async () => {
  expect(await differences(database)).toEqual([]);
});

it.each([
  ['a column that is missing', 'alter table ingest_rows drop column digest', 'ingest_rows.digest is no column'],
  [
    'a column that the entity does not know',
    'alter table contacts add column planted text',
    'contacts.planted is missing in the entity',
  ],
  ['another type', 'alter table ingest_rows alter column line type bigint', 'ingest_rows.line is bigint, not integer'],
  ['no null', `alter table contacts alter column title set not null`, 'contacts.title may not be null'],
  ['null', 'alter table ingest_rows alter column outcome drop not null', 'ingest_rows.outcome may be null'],
])('finds a planted difference: %s', async (_name, sql, difference) => {
  const scratch = await createTestDatabase();
  try {
    await scratch.owner.query(sql);
    expect(await differences(scratch)).toEqual([difference]);
  } finally {
    await scratch.drop();
  }
});
