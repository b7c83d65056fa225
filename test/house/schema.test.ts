import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { schemaFaults } from '../support/schema-faults.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('has no hole in the wall between workspaces', async () => {
  expect(await schemaFaults(database.owner)).toEqual([]);
});

describe('a planted offender is found', () => {
  const offenders: readonly [string, string, RegExp][] = [
    [
      'a table without app.protect',
      'create table planted (workspace_id uuid, id uuid)',
      /planted has a workspace_id but no forced row level security/,
    ],
    [
      'a foreign key without the workspace',
      `create table planted (workspace_id uuid, id uuid, key_id uuid,
         constraint planted_key_id_fkey foreign key (key_id) references sso_connections (id)); select app.protect('planted')`,
      /foreign key planted_key_id_fkey of planted does not carry the workspace/,
    ],
    [
      'a unique constraint across workspaces',
      `create table planted (workspace_id uuid, code text, constraint planted_code_key unique (code)); select app.protect('planted')`,
      /unique constraint planted_code_key of planted does not carry the workspace/,
    ],
    [
      "a view with its owner's rights",
      'create view planted as select * from api_keys',
      /view planted is not security_invoker/,
    ],
    [
      'a policy that lets a role see all',
      'create policy planted on api_keys to engawa_app using (true)',
      /api_keys has a policy for engawa_app/,
    ],
    [
      "a function with its owner's rights and the caller's search_path",
      `create function app.planted() returns int language sql security definer as 'select 1'`,
      /function planted runs with its owner's rights/,
    ],
  ];

  it.each(offenders)('%s', async (_name, sql, fault) => {
    const scratch = await createTestDatabase();
    try {
      await scratch.owner.query(sql);
      expect((await schemaFaults(scratch.owner)).join('\n')).toMatch(fault);
    } finally {
      await scratch.drop();
    }
  });
});

it('lets the application role neither create tables nor rewrite the wall', async () => {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: database.urls.app });
  await client.connect();
  try {
    await expect(client.query('create table planted ()')).rejects.toThrow(/permission denied/);
    await expect(client.query('alter table api_keys disable row level security')).rejects.toThrow(/must be owner/);
    await expect(client.query('set role engawa_owner')).rejects.toThrow(/permission denied/);
  } finally {
    await client.end();
  }
});
