import type { UpsertOptions } from './upsert-options.js';

/** A record that rows of a batch may mean: one of the table, or one that an earlier row of the batch makes. */
export interface Candidate {
  readonly id: string;
  external_id: string | null;
  is_deleted: boolean;
  readonly merged_into: string | null;
}

/** What a row is known by. */
export interface RowKeys {
  readonly external_id: string | null;
  /** Natural keys: each e-mail address, each domain. */
  readonly keys: readonly string[];
  /** A last resort: a record with this name, of those without natural keys if the row has any. */
  readonly name_key?: string | null;
}

/** What a row means. */
export type Match<C> =
  | { readonly kind: 'none' }
  /** `is_winner`: the external_id is that of a record merged into this one, so it must not be written. */
  | { readonly kind: 'found'; readonly record: C; readonly is_winner: boolean }
  | { readonly kind: 'deleted'; readonly record: C }
  | { readonly kind: 'ambiguous'; readonly ids: readonly string[] };

/**
 * Finds what the rows of a batch mean. Rows are taken one after the other, and what one row makes or changes the next one
 * finds, so two rows with one key become one record. External ids come first; a natural key finds records that are not
 * deleted, and for a row that brings an external_id only those that have none (two people may share a mailbox).
 */
export class MatchTable<C extends Candidate> {
  private readonly byId = new Map<string, C>();
  private readonly byExternalId = new Map<string, C>();
  private readonly byKey = new Map<string, Set<C>>();
  private readonly byName = new Map<string, Set<C>>();
  private readonly withKeys = new Set<C>();

  /** Puts a record under its keys, or under further ones. */
  add(record: C, keys: readonly string[], name_key: string | null = null): void {
    this.byId.set(record.id, record);
    if (record.external_id !== null) this.byExternalId.set(record.external_id, record);
    for (const key of keys) put(this.byKey, key, record);
    if (keys.length > 0) this.withKeys.add(record);
    if (name_key !== null) put(this.byName, name_key, record);
  }

  /** Takes the external_id from a record that gave it up. */
  release(external_id: string): void {
    this.byExternalId.delete(external_id);
  }

  match(row: RowKeys, options: UpsertOptions): Match<C> {
    const holder = row.external_id === null ? undefined : this.byExternalId.get(row.external_id);
    const meant = holder?.merged_into ? (this.byId.get(holder.merged_into) ?? holder) : holder;
    if (meant?.is_deleted) return { kind: 'deleted', record: meant };
    const hits = this.live(row.keys.flatMap((key) => [...(this.byKey.get(key) ?? [])]));
    if (meant) {
      const isContradicted = hits.size > 0 && !hits.has(meant) && options.on_ambiguous === 'fail';
      if (isContradicted) return { kind: 'ambiguous', ids: [meant, ...hits].map(({ id }) => id) };
      return { kind: 'found', record: meant, is_winner: meant !== holder };
    }
    if (options.on_match === 'create') return { kind: 'none' };
    const usable = [...hits].filter((hit) => row.external_id === null || hit.external_id === null);
    if (usable.length > 1) return { kind: 'ambiguous', ids: usable.map(({ id }) => id).sort() };
    const record = usable[0] ?? (hits.size === 0 ? this.named(row) : undefined);
    return record ? { kind: 'found', record, is_winner: false } : { kind: 'none' };
  }

  /** The oldest record of that name. */
  private named({ name_key, keys, external_id }: RowKeys): C | undefined {
    if (!name_key) return undefined;
    return [...this.live([...(this.byName.get(name_key) ?? [])])]
      .filter((record) => keys.length === 0 || !this.withKeys.has(record))
      .filter((record) => external_id === null || record.external_id === null)
      .sort((a, b) => (a.id < b.id ? -1 : 1))[0];
  }

  private live(records: readonly C[]): Set<C> {
    return new Set(records.filter((record) => !record.is_deleted));
  }
}

function put<C>(index: Map<string, Set<C>>, key: string, record: C): void {
  const some = index.get(key);
  if (some) some.add(record);
  else index.set(key, new Set([record]));
}
