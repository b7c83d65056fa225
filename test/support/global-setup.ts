import 'reflect-metadata';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/platform/database/embedded-server.js';
import { migrate } from '../../src/platform/database/migrate.js';
import { ensureRoles } from '../../src/platform/database/roles.js';

import { TEST_SECRET_KEY } from './database.js';

/** One PostgreSQL for the whole run, with a migrated template that each test file clones. */
export default async function globalSetup(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'engawa-test-'));
  const server = await startEmbeddedServer({
    data_dir: dataDir,
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', log_min_messages: 'fatal' },
  });
  await ensureRoles(server.url, TEST_SECRET_KEY);
  const owner = new Client({ connectionString: server.url });
  await owner.connect();
  await owner.query('create database engawa_template');
  await owner.end();
  const template = new URL(server.url);
  template.pathname = '/engawa_template';
  await migrate(template.toString());
  process.env['ENGAWA_TEST_SERVER'] = server.url;
  Object.assign(globalThis, { engawaTestServer: { server, dataDir } satisfies TestServer });
}

export interface TestServer {
  readonly server: EmbeddedServer;
  readonly dataDir: string;
}
