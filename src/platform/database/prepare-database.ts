import type { DatabaseConfig } from '../../../config/app-config.js';
import { startEmbeddedServer } from './embedded-server.js';
import { migrate } from './migrate.js';
import { ensureRoles, type RoleUrls } from './roles.js';

/** A database that is ready for the process: roles exist, the schema is up to date. */
export interface PreparedDatabase {
  readonly urls: RoleUrls;
  /** The owner's URL, for `engawa migrate` and tests. */
  readonly owner_url: string;
  readonly is_embedded: boolean;
  readonly migrated: readonly string[];
  /** Stops the embedded server, if this process started it. */
  stop(): Promise<void>;
}

/** Starts the embedded PostgreSQL unless a URL is configured, makes the roles, runs the migrations. */
export async function prepareDatabase(config: DatabaseConfig, secretKey: string): Promise<PreparedDatabase> {
  const embedded = config.url === '' ? await startEmbeddedServer({ data_dir: config.data_dir }) : undefined;
  const ownerUrl = embedded?.url ?? config.url;
  try {
    const urls = await ensureRoles(ownerUrl, secretKey, { app: config.app_url, system: config.system_url });
    const migrated = await migrate(ownerUrl);
    return {
      urls,
      owner_url: ownerUrl,
      is_embedded: embedded !== undefined,
      migrated,
      stop: async () => embedded?.stop(),
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}
