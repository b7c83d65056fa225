import { TEST_SECRET_KEY } from './secret-key.mjs';
import { Client, Pool } from 'pg';
import { ensureRoles, type RoleUrls } from '../../src/platform/database/roles.js';
import { wireTypes } from '../../src/platform/database/types.js';

/** As global-setup.mjs uses it. */
export { TEST_SECRET_KEY };

/** A database of one test file, cloned from the migrated template. */
export interface TestDatabase {
  readonly owner_url: string;
  readonly urls: RoleUrls;
  /** As the superuser, past every wall: for looking at what was written. */
  readonly owner: Pool;
  drop(): Promise<void>;
}

let counter = 0;

export async function createTestDatabase(template = 'engawa_template'): Promise<TestDatabase> {
  const server = process.env['ENGAWA_TEST_SERVER'];
  if (!server) throw new Error('the global set-up did not run');
  const name = `t_${process.pid}_${++counter}_${Date.now().toString(36)}`;
  await asOwner(server, `create database ${name} template ${template}`);
  const ownerUrl = withDatabase(server, name);
  const urls = await ensureRoles(ownerUrl, TEST_SECRET_KEY);
  const owner = new Pool({ connectionString: ownerUrl, max: 4, types: wireTypes });
  // The database is dropped with force: a connection that is still closing then hears of it.
  owner.on('error', () => undefined);
  return {
    owner_url: ownerUrl,
    urls,
    owner,
    drop: async () => {
      await owner.end();
      await asOwner(server, `drop database ${name} with (force)`);
    },
  };
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}

async function asOwner(server: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
