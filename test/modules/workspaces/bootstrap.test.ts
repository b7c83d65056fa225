import { issueKey } from '../../../src/platform/auth/api-key.js';
import { Bootstrap } from '../../../src/modules/workspaces/index.js';
import { caller, startTestApp, type TestApp } from '../../support/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

let database: TestDatabase;
let apps: TestApp[];
beforeEach(async () => {
  database = await createTestDatabase();
  apps = [await startTestApp({}, database), await startTestApp({}, database)];
  await database.owner.query('delete from workspaces');
});
afterEach(async () => {
  for (const app of apps) await app.close();
  await database.drop();
});

const run = (preset?: string) => Promise.all([...apps, ...apps].map(({ app }) => app.nest.get(Bootstrap).run(preset)));

it('makes one workspace and one owner key, however many processes start together, and never again', async () => {
  const keys = (await run()).filter((key) => key !== null);
  expect(keys).toHaveLength(1);
  const { rows } = await database.owner.query(
    'select w.slug, k.role from workspaces w join api_keys k on k.workspace_id = w.id',
  );
  expect(rows).toEqual([{ slug: 'my-workspace', role: 'owner' }]);
  expect((await caller(apps[1]?.url ?? '', keys[0] ?? '').patch('workspace', { name: 'Ours' })).status).toBe(200);
  const events = await database.owner.query('select type, data from events order by seq');
  expect(events.rows.map(({ type }) => type)).toEqual(['workspace.created', 'api_key.created', 'workspace.updated']);
  expect(JSON.stringify(events.rows)).not.toContain(keys[0]);
  await database.owner.query('update api_keys set revoked_at = now()');
  expect(await run()).toEqual([null, null, null, null]);
});

it('takes the preset key of an automated install', async () => {
  const { text } = issueKey();
  expect((await run(text)).filter((key) => key !== null)).toEqual([text]);
  expect((await caller(apps[0]?.url ?? '', text).get('workspace')).status).toBe(200);
});
