/**
 * What the index must know about a workspace. The room of workspaces binds its own (cached: it is asked for each write);
 * a language that changes takes effect for documents written afterwards.
 */
export abstract class WorkspaceSettings {
  /** A name of SEARCH_LANGUAGES. */
  abstract searchLanguage(workspace_id: string): string | Promise<string>;
}

/** The default until another is bound: everybody writes English. */
export class EnglishWorkspaces extends WorkspaceSettings {
  searchLanguage(): string {
    return 'english';
  }
}
