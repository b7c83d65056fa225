/** How the rows of a bulk upsert meet what is there. */
export interface UpsertOptions {
  /** A row that matches: overwrite what it names, fill only what is empty, leave it alone, or make a new record of it. */
  readonly on_match?: 'update' | 'fill_empty' | 'skip' | 'create';
  /** The external_id belongs to a deleted record: the row fails, is skipped, revives it, or takes the external_id over. */
  readonly on_deleted?: 'fail' | 'skip' | 'restore' | 'create';
  /** external_id names one record and the natural key another: the row fails, or external_id decides. */
  readonly on_ambiguous?: 'fail' | 'external_id';
  /** Lists that a row replaces; otherwise tags and channels are united and attributes merged. */
  readonly replace?: readonly ReplacedField[];
  /** All or nothing: one failed row undoes the batch. */
  readonly is_atomic?: boolean;
}

export const REPLACED_FIELDS = ['tags', 'attributes', 'channels', 'domains'] as const;
export type ReplacedField = (typeof REPLACED_FIELDS)[number];

/** A present value that an upsert may write over: always, or only where nothing is. */
export function written<T>(before: T | null, given: T | null | undefined, options: UpsertOptions): T | null {
  if (given === null || given === undefined) return before;
  return options.on_match === 'fill_empty' ? (before ?? given) : given;
}
