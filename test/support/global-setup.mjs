import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

/**
 * One PostgreSQL for the whole run, with a migrated template that each test file clones. It is started by the built
 * product (Jest loads this file without its transforms), so the build is brought up to date first.
 */
export default async function globalSetup() {
  execFileSync('npm', ['run', '--silent', 'build:if-older'], { stdio: 'inherit' });
  const { startEmbeddedServer } = await import('../../dist/src/platform/database/embedded-server.js');
  const { migrate } = await import('../../dist/src/platform/database/migrate.js');
  const { ensureRoles } = await import('../../dist/src/platform/database/roles.js');
  const { TEST_SECRET_KEY } = await import('./secret-key.mjs');
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
  globalThis.engawaTestServer = { server, dataDir };
}
