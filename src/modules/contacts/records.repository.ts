import { Database } from '../../platform/database/database.js';
import { ListQuery } from '../../platform/database/list-query.js';
import type { Statement } from '../../platform/database/statement.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import type { RecordNoun } from './contacts.errors.js';

/** What every record answers, whatever else. */
export interface RecordRow {
  readonly id: string;
  readonly external_id: string | null;
  readonly name: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly deleted_at: string | null;
}

/** A row as a bulk upsert sees it. */
export type CandidateRow<Row> = Row & { readonly merged_into: string | null };

/** One table of records. */
export interface RecordTable {
  readonly name: 'contacts' | 'companies';
  readonly noun: RecordNoun;
  /** The columns of an answer, in its order. */
  readonly columns: readonly string[];
  /** The columns that requests write, with their types. */
  readonly written: Readonly<Record<string, string>>;
  /** The kind of lookup key by which rows match. */
  readonly key_kind: 'email' | 'domain';
  /** A further query for the ids of records that rows match, on parameter $3. */
  readonly also_matches?: string;
}

/** What a record is written with; `values` has every written column. */
export interface WrittenRecord<Values> {
  readonly id: string;
  readonly values: Values;
  readonly deleted_at: string | null;
}

/** The statements that people and companies share. Every text is fixed when the repository is made. */
export abstract class RecordsRepository<Row extends RecordRow, Values extends object> {
  readonly table: RecordTable;
  private readonly answered: string;
  private readonly names: readonly string[];
  private readonly texts: Readonly<
    Record<
      'insert' | 'insertKeyed' | 'find' | 'findAny' | 'lock' | 'update' | 'insertAll' | 'updateAll' | 'candidates',
      string
    >
  >;

  protected constructor(
    protected readonly db: Database,
    table: RecordTable,
  ) {
    this.table = table;
    const { name, columns, written } = table;
    this.names = Object.keys(written);
    this.answered = columns.join(', ');
    const list = this.names.join(', ');
    const insert =
      `insert into ${name} (id, ${list}) values ($1::uuid, ` +
      `${this.names.map((column, index) => `$${index + 2}::${written[column]}`).join(', ')})`;
    const record = `jsonb_to_recordset($1::jsonb) as given (id uuid, deleted_at timestamptz, ${this.names.map((column) => `${column} ${written[column]}`).join(', ')})`;
    const keyed = 'on conflict (workspace_id, external_id) do nothing';
    this.texts = {
      insert: `${insert} returning ${this.answered}`,
      insertKeyed: `${insert} ${keyed} returning ${this.answered}`,
      find: `select ${this.answered} from ${name} where id = $1::uuid and deleted_at is null`,
      findAny: `select ${this.answered} from ${name} where id = $1::uuid`,
      lock: `select ${this.answered}, merged_into from ${name} where id = $1::uuid for no key update`,
      update:
        `update ${name} set ${this.names.map((column, index) => `${column} = $${index + 2}::${written[column]}`).join(', ')}, ` +
        `updated_at = greatest(clock_timestamp(), updated_at) where id = $1::uuid returning ${this.answered}`,
      insertAll: `insert into ${name} (id, ${list}) select id, ${list} from ${record} ${keyed} returning ${this.answered}`,
      updateAll:
        `update ${name} set ${this.names.map((column) => `${column} = given.${column}`).join(', ')}, deleted_at = given.deleted_at, ` +
        `updated_at = greatest(clock_timestamp(), updated_at) from ${record} ` +
        `where ${name}.id = given.id and ${name}.id = any((select $2::uuid[])::uuid[]) ` +
        `returning ${columns.map((column) => `${name}.${column}`).join(', ')}`,
      // Each key is one descent of an index, whatever the planner believes about tables that have just been filled: OFFSET
      // keeps it from reading all keys of the workspace to join them.
      candidates:
        `select ${this.answered}, merged_into from ${name} where id = any(array(
           select m.id from unnest($1::text[]) as given (key)
             cross join lateral (select id, merged_into from ${name} where external_id = given.key offset 0) as held
             cross join lateral unnest(array[held.id, held.merged_into]) as m (id)
           union all select held.subject_id from unnest($2::text[]) as given (key)
             cross join lateral (select subject_id from lookup_keys where subject_type = '${table.noun}'
               and kind = '${table.key_kind}' and key = given.key offset 0) as held` +
        `${table.also_matches ? ` union all ${table.also_matches}` : ''}
         )) order by id for no key update`,
    };
  }

  /** The new record, or undefined when its external_id is taken. */
  async insert(id: string, values: Values): Promise<Row | undefined> {
    const isKeyed = (values as { external_id?: unknown }).external_id !== null;
    const [row] = await this.db.query<Row>(isKeyed ? this.texts.insertKeyed : this.texts.insert, this.row(id, values));
    return row;
  }

  async find(id: string, include_deleted: boolean): Promise<Row | undefined> {
    const [row] = await this.db.readRows<Row>(include_deleted ? this.texts.findAny : this.texts.find, [id]);
    return row;
  }

  /** The record, deleted or not, locked until the transaction ends. */
  async lock(id: string): Promise<CandidateRow<Row> | undefined> {
    const [row] = await this.db.query<CandidateRow<Row>>(this.texts.lock, [id]);
    return row;
  }

  /** Writes every column that requests write. */
  async update(id: string, values: Values): Promise<Row> {
    const [row] = await this.db.query<Row>(this.texts.update, this.row(id, values));
    if (!row) throw new Error(`${this.table.noun} ${id} is gone although it was locked`);
    return row;
  }

  /** Deletes softly, or restores. */
  async setDeleted(id: string, is_deleted: boolean): Promise<Row> {
    const [row] = await this.db.query<Row>(
      `update ${this.table.name} set deleted_at = case when $2::boolean then clock_timestamp() end,
         updated_at = greatest(clock_timestamp(), updated_at) where id = $1::uuid returning ${this.answered}`,
      [id, is_deleted],
    );
    if (!row) throw new Error(`${this.table.noun} ${id} is gone although it was locked`);
    return row;
  }

  /** Removes the row; its edges, keys and pointers go with it. */
  async remove(id: string): Promise<void> {
    await this.db.execute(`delete from ${this.table.name} where id = $1::uuid`, [id]);
  }

  /** Who holds an external_id, deleted records included. */
  async holderOf(external_id: string): Promise<string | null> {
    const [row] = await this.db.query<{ id: string }>(
      `select id from ${this.table.name} where external_id = $1::text`,
      [external_id],
    );
    return row?.id ?? null;
  }

  /** One page of the list, with a count when it is asked for. `found` narrows it to what the search index holds. */
  page(request: ListRequest, found: Statement | null): Promise<Page<Row>> {
    const list = this.list(request);
    if (found) list.and(`id in (select id from ${found.text.replace(/\$\d+/g, '?')})`, ...found.values);
    return list.read<Row>(this.db);
  }

  /** Those of the given records that a list's filters let through, by id. */
  async filtered(request: ListRequest, ids: readonly string[]): Promise<Map<string, Row>> {
    const list = this.list({ ...request, after: null, limit: ids.length }).and('id = any(?::uuid[])', ids);
    const { text, values } = list.page();
    const rows = await this.db.query<Row>(text, values);
    return new Map(list.toPage(rows).items.map((row) => [row.id, row]));
  }

  /** The present records with these ids. */
  async findAll(ids: readonly string[]): Promise<Row[]> {
    return this.db.query<Row>(
      `select ${this.answered} from ${this.table.name} where id = any($1::uuid[]) and deleted_at is null`,
      [ids],
    );
  }

  /**
   * Locks the rows that a batch may match, in the order of their ids, after the stripes of its keys: rows with the same
   * key in two batches wait for one another although no row may exist yet.
   */
  async lockCandidates(
    scope: number,
    stripes: readonly number[],
    external_ids: readonly string[],
    keys: readonly string[],
    names: readonly string[],
  ): Promise<CandidateRow<Row>[]> {
    const values: unknown[] = [external_ids, keys];
    if (this.table.also_matches) values.push(names);
    const [, rows = []] = await this.db.queryAll([
      {
        text: 'select pg_advisory_xact_lock($1::integer, stripe) from unnest($2::integer[]) as stripe',
        values: [scope, stripes],
      },
      { text: this.texts.candidates, values },
    ]);
    return rows as CandidateRow<Row>[];
  }

  /** Takes these owners away; each changed record comes with the owner that it had. */
  async clearOwners(user_ids: readonly string[]): Promise<(Row & { readonly owner_before: string })[]> {
    return this.db.query(
      `with owned as materialized (
         select id, owner_user_id as owner_before from ${this.table.name}
         where owner_user_id = any($1::uuid[]) order by id for no key update
       ) update ${this.table.name} t set owner_user_id = null, updated_at = greatest(clock_timestamp(), updated_at)
       from owned where t.id = owned.id
       returning ${this.table.columns.map((column) => `t.${column}`).join(', ')}, owner_before`,
      [user_ids],
    );
  }

  /** Which of the given ids are there: companies, and members that have not left. */
  async knownReferences(company_ids: readonly string[], user_ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.db.query<{ id: string }>(
      `select id from companies where id = any($1::uuid[])
       union all select user_id from memberships where user_id = any($2::uuid[]) and removed_at is null`,
      [company_ids, user_ids],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Writes changed and new records of a batch; new ones whose external_id is taken are missing from the answer. */
  async writeAll(
    changed: readonly WrittenRecord<Values>[],
    added: readonly WrittenRecord<Values>[],
  ): Promise<Map<string, Row>> {
    const statements: Statement[] = [];
    if (changed.length > 0) {
      statements.push({ text: this.texts.updateAll, values: [toJson(changed), changed.map(({ id }) => id)] });
    }
    if (added.length > 0) statements.push({ text: this.texts.insertAll, values: [toJson(added)] });
    const answers = await this.db.queryAll(statements);
    return new Map((answers.flat() as unknown as Row[]).map((row) => [row.id, row]));
  }

  /** The filters of the list, on this table. */
  private list(request: ListRequest): ListQuery {
    return new ListQuery({ table: this.table.name, columns: this.answered }, request);
  }

  private row(id: string, values: Values): unknown[] {
    const given = values as Readonly<Record<string, unknown>>;
    const row: unknown[] = [id];
    for (const name of this.names) {
      const value = given[name];
      row.push(this.table.written[name] === 'jsonb' ? JSON.stringify(value) : value);
    }
    return row;
  }
}

function toJson<Values extends object>(records: readonly WrittenRecord<Values>[]): string {
  return JSON.stringify(records.map(({ id, values, deleted_at }) => ({ id, deleted_at, ...values })));
}
