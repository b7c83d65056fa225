import { type DynamicModule, Global, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { Search } from './search.js';
import { EnglishWorkspaces, WorkspaceSettings } from './workspace-settings.js';

/** The search index for every room with a `q`. */
@Global()
@Module({})
export class SearchModule {
  /** @param settings who knows the language of a workspace, and the modules that provide it. */
  static for(
    settings: Type<WorkspaceSettings> = EnglishWorkspaces,
    imports: NonNullable<ModuleMetadata['imports']> = [],
  ): DynamicModule {
    const own = settings === EnglishWorkspaces ? [EnglishWorkspaces] : [];
    return {
      module: SearchModule,
      imports,
      providers: [Search, ...own, { provide: WorkspaceSettings, useExisting: settings }],
      exports: [Search],
    };
  }
}
