import type { Principal } from '../context/principal.js';

/** What a room hands to the index about one of its records. Nothing of it is shown: texts are read at their source. */
export interface SearchDocument {
  /** The name that people would type; also found when misspelt. At most 500 characters are kept. */
  readonly title?: string | null;
  /** Everything else that should be found; the title need not be repeated. At most 256 KiB are indexed. */
  readonly text: string;
  /** The record's own, which orders lists; milliseconds are kept. */
  readonly created_at: string;
  /** When what the record tells of happened; null: when it was created. Its day is found as words (`8 May 2023`). */
  readonly occurred_at?: string | null;
  readonly project_id?: string | null;
  /** Records that this one is about, as `contact/<id>`. */
  readonly anchors?: readonly string[];
  /** Found without regard to case. */
  readonly tags?: readonly string[];
  /** Private documents are found by their owner only. */
  readonly visibility?: 'workspace' | 'world' | 'private';
  /** The value of `searchOwner` for its author; required when private. */
  readonly owner_id?: string | null;
  /** Deleted, forgotten or superseded: kept, but found by nobody. */
  readonly hidden?: boolean;
  /** From this moment on it is not found any more. */
  readonly valid_until?: string | null;
}

/** Who owns what a principal writes, and sees it when it is private: the person, else the key. */
export function searchOwner(principal: Principal): string | null {
  return principal.user_id ?? principal.id;
}

/** Text search configurations that every PostgreSQL since 15 brings. */
export const SEARCH_LANGUAGES: ReadonlySet<string> = new Set(
  (
    'simple arabic armenian basque catalan danish dutch english finnish french german greek hindi hungarian indonesian ' +
    'irish italian lithuanian nepali norwegian portuguese romanian russian serbian spanish swedish tamil turkish yiddish'
  ).split(' '),
);

/** The regconfig of a workspace's `search_language`; unknown ones are indexed without stemming. */
export function searchConfiguration(language: string): string {
  return `pg_catalog.${SEARCH_LANGUAGES.has(language) ? language : 'simple'}`;
}
