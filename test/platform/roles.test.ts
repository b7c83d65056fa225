import { ensureRoles, RolesMissing } from '../../src/platform/database/roles.js';
import { createTestDatabase, TEST_SECRET_KEY, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('does not take the roles away from an installation with another secret key', async () => {
  await expect(ensureRoles(database.owner_url, 'a key of somebody else, long enough as well')).rejects.toThrow(
    RolesMissing,
  );
  await expect(ensureRoles(database.owner_url, TEST_SECRET_KEY)).resolves.toEqual(database.urls);
});

it('says a failing connection as it is', async () => {
  const nowhere = new URL(database.owner_url);
  nowhere.port = '1';
  await expect(ensureRoles(nowhere.toString(), TEST_SECRET_KEY)).rejects.toThrow(/ECONNREFUSED/);
});
