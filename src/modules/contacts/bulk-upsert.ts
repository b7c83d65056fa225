import { isDeepStrictEqual } from 'node:util';
import { v7 } from 'uuid';
import { Invalid } from '../../platform/errors/contract-problems.js';
import type { FieldMistake, Problem } from '../../platform/errors/problem.js';
import { matchingKey } from '../../platform/formats/names.js';
import { isCyclic } from './apply-company.js';
import {
  ambiguousMatch,
  batchFailed,
  externalIdTaken,
  missingReference,
  recordIsDeleted,
  type RecordNoun,
} from './contacts.errors.js';
import { scopeOf, stripesOf } from './lock-stripes.js';
import { type Candidate, MatchTable, type RowKeys } from './match-rows.js';
import type { CandidateRow, RecordRow, RecordsRepository } from './records.repository.js';
import type { UpsertOptions } from './upsert-options.js';

/** What became of one row. `id` is the record that it made or met; `problem` says why it failed or was skipped. */
export interface UpsertOutcome {
  readonly status: 'created' | 'updated' | 'unchanged' | 'skipped' | 'failed';
  readonly id: string | null;
  readonly problem?: Problem;
}

/** A row on its way: in normal form, or refused. */
export type UpsertDraft<Input> = { readonly input: Input } | { readonly problem: Problem };

/** What a batch wrote: records with their state before, for events and the search index. */
export interface Written<Row> {
  readonly created: readonly Row[];
  readonly changed: readonly { readonly before: Row; readonly after: Row }[];
}

/** What a batch must know of its kind of record. */
export interface UpsertKind<V, Input> {
  readonly noun: RecordNoun;
  readonly empty: V;
  applyRow(before: V, input: Input, options: UpsertOptions): V;
  fault(values: V): FieldMistake | undefined;
  /** The natural keys in a row or record. */
  keysOf(source: Input | V): readonly string[];
  /** The name by which a row without another key is found; null where names mean nothing. */
  nameOf(source: Input | V): string | null;
  /** The columns that refer to members and companies, and the one that makes a tree. */
  references(values: V): {
    readonly user_id: string | null;
    readonly company_id: string | null;
    readonly parent_id: string | null;
  };
  /** Locks the tree of the workspace and tells the parent of every record from these ids upwards. */
  lockParents(ids: readonly string[]): Promise<Map<string, string | null>>;
}

interface Values {
  readonly external_id: string | null;
}

interface Draft<Input> extends RowKeys {
  readonly index: number;
  readonly input: Input;
}

interface Working<Row, V, Input> extends Candidate {
  /** Null for one that the batch makes. */
  readonly row: Row | null;
  values: V;
  readonly drafts: Draft<Input>[];
}

/** How often new rows may lose their external_id to a writer outside of any batch. */
const MAX_ROUNDS = 3;

/**
 * Thousands of rows must be matched, checked and written while others do the same, in a dozen statements and without
 * doubles. Who shares a key waits for one another: each key falls into one of 64 stripes of advisory locks, taken in
 * ascending order before the table is read, because a row that does not exist yet cannot be locked. Then all rows that may
 * be meant are locked in the order of their ids; matching, merging and checking happen in memory, row after row; and
 * what came of it is written by one update and one insert. A new row that meets its external_id nevertheless (a single
 * create takes no stripe) is matched again.
 */
export class BulkUpsert<Row extends RecordRow, V extends Values, Input> {
  private readonly outcomes: UpsertOutcome[];
  private readonly created: Row[] = [];
  private readonly changed: { before: Row; after: Row }[] = [];
  /** Deleted records of this round that gave their external_id away. */
  private readonly released = new Set<Working<Row, V, Input>>();

  constructor(
    private readonly kind: UpsertKind<V, Input>,
    private readonly repository: RecordsRepository<Row, V>,
    private readonly workspace_id: string,
    private readonly valuesOf: (row: Row) => V,
    private readonly options: UpsertOptions,
    rows: number,
  ) {
    this.outcomes = Array.from({ length: rows }, () => ({ status: 'failed', id: null }));
  }

  /** Writes the rows within the open transaction. @throws {Problem} 422 batch-failed when it is atomic and a row failed. */
  async run(
    drafts: readonly UpsertDraft<Input>[],
  ): Promise<{ outcomes: readonly UpsertOutcome[]; written: Written<Row> }> {
    let pending: Draft<Input>[] = [];
    for (const [index, draft] of drafts.entries()) {
      if ('problem' in draft) this.fail(index, draft.problem);
      else pending.push(this.keyed(index, draft.input));
    }
    for (let round = 0; pending.length > 0 && round < MAX_ROUNDS; round++) pending = await this.round(pending);
    for (const { index, external_id } of pending) this.fail(index, externalIdTaken(this.kind.noun, external_id, null));
    if (this.options.is_atomic) this.demandAll();
    return { outcomes: this.outcomes, written: { created: this.created, changed: this.changed } };
  }

  /** Returns the rows that have to be matched again. */
  private async round(pending: readonly Draft<Input>[]): Promise<Draft<Input>[]> {
    const table = await this.candidates(pending);
    const known = await this.knownReferences(pending);
    const records = new Set<Working<Row, V, Input>>();
    for (const draft of pending) {
      const record = this.apply(draft, table, known);
      if (record) records.add(record);
    }
    for (const record of this.released) records.add(record);
    this.released.clear();
    return this.write([...records]);
  }

  private keyed(index: number, input: Input): Draft<Input> {
    const { external_id = null } = input as { external_id?: string | null };
    const name = this.kind.nameOf(input);
    const name_key = name === null ? null : matchingKey(name);
    return { index, input, external_id, keys: this.kind.keysOf(input), name_key };
  }

  private async candidates(pending: readonly Draft<Input>[]): Promise<MatchTable<Working<Row, V, Input>>> {
    const external_ids = [...new Set(pending.flatMap(({ external_id }) => external_id ?? []))];
    const keys = [...new Set(pending.flatMap((draft) => draft.keys))];
    const names = [...new Set(pending.flatMap(({ input }) => this.kind.nameOf(input) ?? []))];
    const locked = [
      ...external_ids.map((id) => `external_id ${id}`),
      ...keys,
      ...pending.flatMap(({ name_key }) => (name_key ? `name ${name_key}` : [])),
    ];
    const scope = scopeOf(this.workspace_id, this.kind.noun);
    const rows = await this.repository.lockCandidates(scope, stripesOf(locked), external_ids, keys, names);
    const table = new MatchTable<Working<Row, V, Input>>();
    for (const { merged_into, ...rest } of rows as CandidateRow<Row>[]) {
      const row = rest as unknown as Row;
      const values = this.valuesOf(row);
      const { id, external_id, deleted_at } = row;
      this.index(table, { id, external_id, is_deleted: deleted_at !== null, merged_into, row, values, drafts: [] });
    }
    return table;
  }

  private index(table: MatchTable<Working<Row, V, Input>>, record: Working<Row, V, Input>): void {
    const name = this.kind.nameOf(record.values);
    table.add(record, this.kind.keysOf(record.values), name === null ? null : matchingKey(name));
  }

  /** Members and companies that rows refer to, and the parents of companies that get one. */
  private async knownReferences(pending: readonly Draft<Input>[]): Promise<KnownReferences> {
    const users = new Set<string>();
    const companies = new Set<string>();
    const parents = new Set<string>();
    for (const { input } of pending) {
      const { user_id, company_id, parent_id } = this.kind.references({ ...this.kind.empty, ...input } as V);
      if (user_id) users.add(user_id);
      if (company_id) companies.add(company_id);
      if (parent_id) parents.add(parent_id);
    }
    const ids =
      users.size + companies.size > 0
        ? await this.repository.knownReferences([...companies], [...users])
        : new Set<string>();
    return { ids, parents: parents.size > 0 ? await this.kind.lockParents([...parents]) : new Map() };
  }

  /** Applies one row in memory. Returns the record that it made or met. */
  private apply(
    draft: Draft<Input>,
    table: MatchTable<Working<Row, V, Input>>,
    known: KnownReferences,
  ): Working<Row, V, Input> | undefined {
    const { index } = draft;
    const match = table.match(draft, this.options);
    if (match.kind === 'ambiguous') return this.fail(index, ambiguousMatch(this.kind.noun, match.ids));
    let record = match.kind === 'none' ? undefined : match.record;
    let is_restored = false;
    if (match.kind === 'deleted') {
      const { on_deleted = 'fail' } = this.options;
      const problem = recordIsDeleted(this.kind.noun, match.record.id);
      if (on_deleted === 'fail') return this.fail(index, problem, match.record.id);
      if (on_deleted === 'skip') return this.skip(index, match.record.id, problem);
      if (on_deleted === 'restore') is_restored = true;
      else if (this.release(match.record, draft, table)) record = undefined;
      else return this.fail(index, problem, match.record.id);
    }
    if (record && this.options.on_match === 'skip' && !is_restored) return this.skip(index, record.id);
    if (record && this.options.on_match === 'create') {
      return this.fail(index, externalIdTaken(this.kind.noun, draft.external_id, record.id), record.id);
    }
    const before = record?.values ?? this.kind.empty;
    const is_winner = match.kind === 'found' && match.is_winner;
    const input = is_winner ? { ...draft.input, external_id: undefined } : draft.input;
    const after = this.kind.applyRow(before, input, record ? this.options : {});
    const problem = this.faultOf(index, record?.id, before, after, known);
    if (problem) return this.fail(index, problem, record?.id ?? null);
    if (!record) return this.create(draft, after, table);
    const isSame = !is_restored && isDeepStrictEqual(before, after);
    this.outcomes[index] = { status: isSame ? 'unchanged' : 'updated', id: record.id };
    if (isSame) {
      record.drafts.push(draft);
      return record;
    }
    record.values = after;
    record.external_id = after.external_id;
    record.is_deleted = false;
    record.drafts.push(draft);
    this.index(table, record);
    return record;
  }

  private create(draft: Draft<Input>, values: V, table: MatchTable<Working<Row, V, Input>>): Working<Row, V, Input> {
    const record: Working<Row, V, Input> = {
      id: v7(),
      external_id: values.external_id,
      is_deleted: false,
      merged_into: null,
      row: null,
      values,
      drafts: [draft],
    };
    this.outcomes[draft.index] = { status: 'created', id: record.id };
    this.index(table, record);
    return record;
  }

  /** Takes the external_id from a deleted record, unless that would leave it without any identity. */
  private release(
    record: Working<Row, V, Input>,
    { external_id }: Draft<Input>,
    table: MatchTable<Working<Row, V, Input>>,
  ): boolean {
    const values = { ...record.values, external_id: null };
    if (external_id === null || record.external_id !== external_id || this.kind.fault(values)) return false;
    record.values = values;
    record.external_id = null;
    table.release(external_id);
    this.released.add(record);
    return true;
  }

  private faultOf(
    index: number,
    id: string | undefined,
    before: V,
    after: V,
    known: KnownReferences,
  ): Problem | undefined {
    const fault = this.kind.fault(after);
    if (fault) return new Invalid([{ ...fault, pointer: `/${index}${fault.pointer}` }]);
    const present = this.kind.references(before);
    const { user_id, company_id, parent_id } = this.kind.references(after);
    if (user_id && user_id !== present.user_id && !known.ids.has(user_id)) {
      return missingReference(`/${index}/owner_user_id`, 'member');
    }
    if (company_id && company_id !== present.company_id && !known.ids.has(company_id)) {
      return missingReference(`/${index}/company_id`, 'company');
    }
    if (parent_id && parent_id !== present.parent_id) {
      const pointer = `/${index}/parent_company_id`;
      if (!known.parents.has(parent_id)) return missingReference(pointer, 'company');
      if (id && isCyclic(id, parent_id, known.parents)) return cyclicParent(pointer);
      if (id) known.parents.set(id, parent_id);
    }
    return undefined;
  }

  /** Writes the records of a round; returns the rows of those whose external_id was taken meanwhile. */
  private async write(records: readonly Working<Row, V, Input>[]): Promise<Draft<Input>[]> {
    const changed = records.filter((record) => record.row && this.isChanged(record.row, record));
    const added = records.filter((record) => !record.row);
    if (changed.length + added.length === 0) return [];
    const rows = await this.repository.writeAll(
      changed.map(({ id, values, is_deleted, row }) => ({
        id,
        values,
        deleted_at: is_deleted ? (row?.deleted_at ?? null) : null,
      })),
      added.map(({ id, values }) => ({ id, values, deleted_at: null })),
    );
    for (const { id, row: before } of changed) {
      const after = rows.get(id);
      if (before && after) this.changed.push({ before, after });
    }
    const lost: Draft<Input>[] = [];
    for (const { id, drafts } of added) {
      const row = rows.get(id);
      if (row) this.created.push(row);
      else lost.push(...drafts);
    }
    return lost.sort((a, b) => a.index - b.index);
  }

  private isChanged(row: Row, record: Working<Row, V, Input>): boolean {
    return (row.deleted_at !== null) !== record.is_deleted || !isDeepStrictEqual(this.valuesOf(row), record.values);
  }

  private fail(index: number, problem: Problem, id: string | null = null): undefined {
    this.outcomes[index] = { status: 'failed', id, problem };
    return undefined;
  }

  private skip(index: number, id: string, problem?: Problem): undefined {
    this.outcomes[index] = { status: 'skipped', id, ...(problem && { problem }) };
    return undefined;
  }

  private demandAll(): void {
    const errors = this.outcomes.flatMap(({ status, problem }, index) =>
      status !== 'failed' || !problem
        ? []
        : (problem.members.errors ?? [{ pointer: `/${index}`, detail: problem.detail ?? problem.title }]),
    );
    if (errors.length > 0) throw batchFailed(errors);
  }
}

interface KnownReferences {
  readonly ids: ReadonlySet<string>;
  readonly parents: Map<string, string | null>;
}

/** A company among its own parents. */
export function cyclicParent(pointer: string): Invalid {
  return new Invalid([{ pointer, detail: 'A company cannot belong to itself, in whatever number of steps.' }]);
}
