import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { v7 } from 'uuid';
import type { Changes } from '../../contracts/events.js';
import { WorkspaceSettings } from '../../platform/auth/workspace-settings.js';
import { Context } from '../../platform/context/context.js';
import { constrained } from '../../platform/database/constraints.js';
import { Database } from '../../platform/database/database.js';
import { Forbidden, Invalid } from '../../platform/errors/contract-problems.js';
import type { Problem } from '../../platform/errors/problem.js';
import { Events } from '../../platform/events/events.js';
import { isPrintedTimestamp } from '../../platform/formats/timestamps.js';
import { type ListRequest, type Page, writeCursor } from '../../platform/http/listing.js';
import { Preconditions } from '../../platform/http/preconditions.js';
import { Search } from '../../platform/search/search.js';
import type { SearchDocument } from '../../platform/search/search-document.js';
import { isCyclic } from './apply-company.js';
import {
  BulkUpsert,
  cyclicParent,
  type UpsertDraft,
  type UpsertKind,
  type UpsertOutcome,
  type Written,
} from './bulk-upsert.js';
import { externalIdTaken, missingReference, notFound, type RecordNoun, recordIsMerged } from './contacts.errors.js';
import type { RecordRow, RecordsRepository } from './records.repository.js';
import type { ReplacedField, UpsertOptions } from './upsert-options.js';

/** What every service of records works with. */
@Injectable()
export class RecordRooms {
  constructor(
    readonly db: Database,
    readonly events: Events,
    readonly search: Search,
    readonly preconditions: Preconditions,
    readonly context: Context,
    readonly settings: WorkspaceSettings,
  ) {}
}

/** Hits that are read from the search index at a time when other filters apply as well, and how often. */
const SEARCH_PAGE = 500;
const MAX_SEARCH_PAGES = 4;

type Values = { readonly external_id: string | null };

/** What a caller of the bulk route may choose. */
export interface BatchChoices {
  readonly is_atomic?: boolean;
  readonly is_restoring?: boolean;
  readonly replace?: readonly ReplacedField[];
}

/**
 * The use cases that people and companies share. A change, its event and its search document are one transaction; a change
 * that changes nothing writes nothing.
 */
export abstract class RecordsService<Row extends RecordRow, V extends Values, Input> {
  abstract readonly noun: RecordNoun;
  /** What a batch must know of this kind of record. */
  protected abstract readonly kind: UpsertKind<V, Input>;
  /** The fields of an answer that a change can be seen in. */
  protected abstract readonly shown: readonly (keyof Row & string)[];

  protected constructor(
    protected readonly rooms: RecordRooms,
    protected readonly repository: RecordsRepository<Row, V>,
  ) {}

  /** Applies a request to the values of a record. */
  protected abstract apply(before: V, input: Input): V;
  protected abstract document(row: Row): SearchDocument;
  /** The other records that an event of this one belongs to. */
  protected abstract about(row: Row, before?: Row): string[];
  /** The written columns of a row. */
  protected abstract valuesOf(row: Row): V;

  /** @throws {Problem} 409 external-id-taken; 422 with a pointer for what is wrong. */
  protected async createRecord(input: Input): Promise<Row> {
    const values = this.checked(this.apply(this.kind.empty, input));
    return this.referring(
      this.rooms.db.transaction(async () => {
        const id = v7();
        const [row] = await Promise.all([this.repository.insert(id, values), this.demandMember(null, values)]);
        if (!row) throw await this.taken(values.external_id);
        this.rooms.events.publish(`${this.noun}.created`, { subject_id: id, data: row, about: this.about(row) });
        await this.rooms.search.put(this.noun, id, this.document(row));
        return row;
      }),
    );
  }

  /** One record. @throws {NotFound} also for a deleted one, unless it is asked for. */
  async get(id: string, { include_deleted = false }: { readonly include_deleted?: boolean } = {}): Promise<Row> {
    const row = isUUID(id) ? await this.repository.find(id, include_deleted) : undefined;
    if (!row) throw notFound(this.noun);
    return row;
  }

  /** One page of the list; `q` and tags are answered by the search index. */
  async list(request: ListRequest): Promise<Page<Row>> {
    if (request.q === null && request.tags.length === 0) {
      return this.repository.page(request, null);
    }
    if (request.include_deleted) {
      throw new Invalid([
        {
          pointer: '?tag',
          detail: 'tag together with include_deleted is not possible: deleted records are not indexed.',
        },
      ]);
    }
    return this.rooms.db.read(() => this.searched(request));
  }

  /** Changes what the input names. @throws {Problem} 404, 409 external-id-taken, 412, 422. */
  protected async updateRecord(id: string, change: (before: V) => V): Promise<Row> {
    return this.referring(
      this.rooms.db.transaction(async () => {
        const before = await this.lock(id);
        this.rooms.preconditions.check(before);
        const present = this.valuesOf(before);
        const after = this.checked(change(present));
        if (isDeepStrictEqual(present, after)) return before;
        if (after.external_id !== null && after.external_id !== present.external_id) {
          const holder = await this.repository.holderOf(after.external_id);
          if (holder) throw externalIdTaken(this.noun, after.external_id, holder);
        }
        await this.demandTree(id, present, after);
        const [row] = await Promise.all([this.repository.update(id, after), this.demandMember(present, after)]);
        await this.announce('updated', row, before);
        return row;
      }),
    );
  }

  /** Deletes softly, or for good with `is_hard`, which needs `<noun>:delete`. */
  async delete(id: string, { is_hard = false }: { readonly is_hard?: boolean } = {}): Promise<void> {
    if (is_hard) this.demandDelete();
    await this.rooms.db.transaction(async () => {
      const before = await this.lock(id, is_hard);
      this.rooms.preconditions.check(before);
      if (is_hard) {
        await this.repository.remove(id);
        this.rooms.events.publish(`${this.noun}.deleted`, { subject_id: id, data: before, about: this.about(before) });
        this.rooms.search.remove(this.noun, [id]);
      } else {
        await this.announce('deleted', await this.repository.setDeleted(id, true), before);
      }
    });
  }

  /** Brings a deleted record back; one that is not deleted is answered as it is. */
  async restore(id: string): Promise<Row> {
    return this.rooms.db.transaction(async () => {
      const found = isUUID(id) ? await this.repository.lock(id) : undefined;
      if (!found) throw notFound(this.noun);
      const { merged_into, ...rest } = found;
      const before = rest as unknown as Row;
      if (merged_into) throw recordIsMerged(this.noun, merged_into);
      this.rooms.preconditions.check(before);
      if (before.deleted_at === null) return before;
      const row = await this.repository.setDeleted(id, false);
      await this.announce('restored', row, before);
      return row;
    });
  }

  /** Takes members who left from the records that they looked after. */
  async clearOwners(user_ids: readonly string[]): Promise<void> {
    await this.rooms.db.transaction(async () => {
      const owners = await this.repository.clearOwners(user_ids);
      this.rooms.events.publishMany(
        `${this.noun}.updated`,
        owners.map(({ owner_before: from, ...row }) => ({
          subject_id: row.id,
          data: row,
          changes: { owner_user_id: { from, to: null } },
          about: this.about(row as unknown as Row),
        })),
      );
    });
  }

  /** Writes rows of a bulk request: see BulkUpsert. */
  protected async upsert(
    drafts: readonly UpsertDraft<Input>[],
    options: UpsertOptions,
    kind: UpsertKind<V, Input> = this.kind,
  ): Promise<readonly UpsertOutcome[]> {
    const workspace_id = this.rooms.context.workspaceId();
    const valuesOf = (row: Row) => this.valuesOf(row);
    return this.referring(
      this.rooms.db.transaction(async () => {
        const batch = new BulkUpsert(kind, this.repository, workspace_id, valuesOf, options, drafts.length);
        const { outcomes, written } = await batch.run(drafts);
        await this.announceAll(written);
        return outcomes;
      }),
    );
  }

  private async announceAll({ created, changed }: Written<Row>): Promise<void> {
    const { events, search } = this.rooms;
    if (created.length > 0) {
      events.publishMany(
        `${this.noun}.created`,
        created.map((row) => ({ subject_id: row.id, data: row, about: this.about(row) })),
      );
    }
    for (const verb of ['updated', 'restored'] as const) {
      const some = changed.filter(({ before, after }) => isRestored(before, after) === (verb === 'restored'));
      if (some.length === 0) continue;
      events.publishMany(
        `${this.noun}.${verb}`,
        some.map(({ before, after }) => ({
          subject_id: after.id,
          data: after,
          changes: this.changes(before, after),
          about: this.about(after, before),
        })),
      );
    }
    const live = [...created, ...changed.map(({ after }) => after)].filter(({ deleted_at }) => deleted_at === null);
    await search.putAll(
      this.noun,
      live.map((row) => ({ id: row.id, document: this.document(row) })),
    );
  }

  /** Publishes a change and brings the search index up to date. */
  private async announce(verb: 'updated' | 'deleted' | 'restored', row: Row, before: Row): Promise<void> {
    this.rooms.events.publish(`${this.noun}.${verb}`, {
      subject_id: row.id,
      data: row,
      changes: this.changes(before, row),
      about: this.about(row, before),
    });
    if (row.deleted_at === null) await this.rooms.search.put(this.noun, row.id, this.document(row));
    else this.rooms.search.remove(this.noun, [row.id]);
  }

  /** Every field that reads differently, but for `updated_at`. */
  protected changes(before: Row, after: Row): Changes {
    const changed = this.shown.filter((field) => !isDeepStrictEqual(before[field], after[field]));
    return Object.fromEntries(changed.map((field) => [field, { from: before[field], to: after[field] }]));
  }

  private async lock(id: string, include_deleted = false): Promise<Row> {
    const found = isUUID(id) ? await this.repository.lock(id) : undefined;
    if (!found || (found.deleted_at !== null && !include_deleted)) throw notFound(this.noun);
    const { merged_into: _merged, ...row } = found;
    return row as unknown as Row;
  }

  /** The owner must be a member who has not left; the question travels with the write. */
  private async demandMember(before: V | null, after: V): Promise<void> {
    const { user_id } = this.kind.references(after);
    if (user_id === null || (before && this.kind.references(before).user_id === user_id)) return;
    const known = await this.repository.knownReferences([], [user_id]);
    if (!known.has(user_id)) throw missingReference('/owner_user_id', 'member');
  }

  /** Nothing may belong to itself. */
  private async demandTree(id: string, before: V, after: V): Promise<void> {
    const { parent_id } = this.kind.references(after);
    if (parent_id === null || parent_id === this.kind.references(before).parent_id) return;
    const parents = await this.kind.lockParents([parent_id]);
    if (isCyclic(id, parent_id, parents)) throw cyclicParent('/parent_company_id');
  }

  private checked(values: V): V {
    const fault = this.kind.fault(values);
    if (fault) throw new Invalid([fault]);
    return values;
  }

  private async taken(external_id: string | null): Promise<Problem> {
    return externalIdTaken(this.noun, external_id, external_id && (await this.repository.holderOf(external_id)));
  }

  private demandDelete(): void {
    const permission = this.noun === 'contact' ? 'contacts:delete' : 'companies:delete';
    if (!this.rooms.context.principal().permissions.has(permission)) {
      throw new Forbidden(`Deleting for good needs ${permission}. Without ?hard=true the record can be restored.`);
    }
  }

  /** Names the field of a reference that the database refused. */
  protected referring<T>(writes: Promise<T>): Promise<T> {
    return constrained(writes, {
      contacts_company_id_fkey: () => missingReference('/company_id', 'company'),
      contacts_owner_user_id_fkey: () => missingReference('/owner_user_id', 'member'),
      companies_parent_company_id_fkey: () => missingReference('/parent_company_id', 'company'),
      companies_owner_user_id_fkey: () => missingReference('/owner_user_id', 'member'),
      contacts_external_id_key: () => externalIdTaken(this.noun, null, null),
      companies_external_id_key: () => externalIdTaken(this.noun, null, null),
    });
  }

  /**
   * Newest first the index itself gives the pages, and the filters of the table thin them out. Where that finds too little,
   * or another order or a count is asked for, everything that was found is joined in one statement.
   */
  private async searched(request: ListRequest): Promise<Page<Row>> {
    const asked = { kind: this.noun, q: request.q ?? '', tags: request.tags, order: 'created_at' } as const;
    const [first, ...more] = request.sort;
    const isNewestFirst = first?.name === 'created_at' && first.is_descending && more.length === 0;
    const items: Row[] = [];
    let after = isNewestFirst && request.after ? position(request.after) : null;
    if (isNewestFirst && !request.wants_count) {
      for (let round = 0; round < MAX_SEARCH_PAGES; round++) {
        const limit = request.filters.length === 0 ? request.limit : Math.max(SEARCH_PAGE, request.limit);
        const page = await this.rooms.search.page({ ...asked, limit, after });
        const rows = await this.repository.filtered(request, page.ids);
        items.push(...page.ids.flatMap((id) => rows.get(id) ?? []));
        const last = items[request.limit - 1];
        if (last && (items.length > request.limit || page.next)) {
          const next_cursor = writeCursor(request, [last.created_at, last.id]);
          return { items: items.slice(0, request.limit), next_cursor };
        }
        if (!page.next) return { items, next_cursor: null };
        after = page.next;
      }
    }
    const found = await this.rooms.search.matches({ ...asked, limit: null });
    const rest = await this.repository.page(
      { ...request, limit: request.limit - items.length, after: after ? [after.created_at, after.id] : request.after },
      found,
    );
    return { ...rest, items: [...items, ...rest.items] };
  }
}

/** How the bulk route meets what is there: external_id decides, and rows of deleted records fail unless they are revived. */
export function batchOptions({ is_atomic = false, is_restoring = false, replace = [] }: BatchChoices): UpsertOptions {
  return {
    on_match: 'update',
    on_deleted: is_restoring ? 'restore' : 'fail',
    on_ambiguous: 'external_id',
    is_atomic,
    replace,
  };
}

function isRestored(before: RecordRow, after: RecordRow): boolean {
  return before.deleted_at !== null && after.deleted_at === null;
}

/** A forged cursor must be a mistake of the caller, not a failed cast. */
function position([created_at = '', id = '']: readonly string[]): { score: number; created_at: string; id: string } {
  if (!isPrintedTimestamp(created_at) || !isUUID(id)) {
    throw new Invalid([{ pointer: '?cursor', detail: 'This cursor belongs to no page of this list.' }]);
  }
  return { score: 0, created_at, id };
}
