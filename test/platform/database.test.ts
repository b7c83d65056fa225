import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('gives every test file its own migrated database', async () => {
  const { rows } = await database.owner.query<{ count: number }>('select count(*) from workspaces');
  expect(rows[0]?.count).toBe(0);
});
