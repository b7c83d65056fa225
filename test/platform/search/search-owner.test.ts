import { Client } from 'pg';
import { migrate } from '../../../src/platform/database/migrate.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

let server: TestDatabase;
beforeAll(async () => {
  server = await createTestDatabase();
});
afterAll(() => server.drop());

it('an owner that is no superuser, as on managed PostgreSQL, can run the migrations', async () => {
  const name = `managed_${Date.now().toString(36)}`;
  await server.owner.query(`create role ${name} login createrole password 'managed'`);
  await server.owner.query(`grant engawa_search to ${name}`);
  await server.owner.query(`create database ${name} owner ${name}`);
  try {
    const url = new URL(server.owner_url);
    Object.assign(url, { username: name, password: 'managed', pathname: `/${name}` });
    expect(await migrate(url.toString())).toContain('Search1700000000006');
    const client = new Client({ connectionString: url.toString() });
    await client.connect();
    const { rows } = await client.query(
      "select rolsuper, (select count(*)::int from pg_proc where proowner = 'engawa_search'::regrole) as doors from pg_roles where rolname = current_user",
    );
    await client.end();
    expect(rows).toEqual([{ rolsuper: false, doors: 3 }]);
  } finally {
    await server.owner.query(`drop database if exists ${name} with (force)`);
    await server.owner.query(`drop role ${name}`);
  }
});
