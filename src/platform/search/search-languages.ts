/**
 * In which language a workspace writes; platform/auth, which knows its settings, provides it (cached: it is asked for
 * each write). A language that changes takes effect for documents written afterwards.
 */
export abstract class SearchLanguages {
  /** A name of SEARCH_LANGUAGES. */
  abstract languageOf(workspace_id: string): string | Promise<string>;
}
