import { DataSource } from 'typeorm';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Database } from '../../../src/platform/database/database.js';
import { wireTypes } from '../../../src/platform/database/types.js';
import { Search } from '../../../src/platform/search/search.js';
import { SearchLanguages } from '../../../src/platform/search/search-languages.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

/** The search room on a database of its own, without the rest of the house. */
export interface SearchRoom {
  readonly search: Search;
  readonly database: Database;
  readonly server: TestDatabase;
  /** Runs work as a person (or the system) in one workspace. */
  as<T>(workspace_id: string, work: () => Promise<T>, user_id?: string): Promise<T>;
  close(): Promise<void>;
}

/** Everybody writes English. */
class EnglishOnly extends SearchLanguages {
  languageOf(): string {
    return 'english';
  }
}

export async function openSearchRoom(settings: SearchLanguages = new EnglishOnly()): Promise<SearchRoom> {
  const server = await createTestDatabase();
  const source = await new DataSource({
    type: 'postgres',
    url: server.urls.app,
    poolSize: 4,
    extra: { pipeline: true, types: wireTypes },
  }).initialize();
  const context = new Context();
  const database = new Database(source, context);
  return {
    search: new Search(database, context, settings),
    database,
    server,
    as: (workspace_id, work, user_id) =>
      context.runAs(
        systemPrincipal(workspace_id, user_id ? { type: 'user', id: user_id, name: 'A person' } : undefined),
        { via: 'system' },
        work,
      ),
    close: async () => {
      await source.destroy();
      await server.drop();
    },
  };
}
