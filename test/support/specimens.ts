import { Context } from '../../src/platform/context/context.js';
import { systemPrincipal } from '../../src/platform/context/principal.js';
import { Database } from '../../src/platform/database/database.js';
import { Jobs } from '../../src/platform/jobs/jobs.js';
import type { Caller, Json, TestApp } from './app.js';

/** Makes one record of a collection in the first workspace of the app and returns its id. */
export type Specimen = (caller: Caller, app: TestApp) => Promise<string>;

/**
 * How to make one record behind each path with an `:id`. The sweep of test/house fails for a path that has no entry, so a
 * new room adds its line here and is swept.
 */
export const SPECIMENS: Readonly<Record<string, Specimen>> = {
  '/api/v1/contacts': (caller) =>
    created(caller, 'contacts', { first_name: 'Ada', email: `ada-${crypto.randomUUID()}@example.com` }),
  '/api/v1/companies': (caller) => created(caller, 'companies', { name: 'Analytical Engines' }),
  '/api/v1/jobs': (_caller, { app, workspace }) =>
    app.nest
      .get(Context)
      .runAs(systemPrincipal(workspace.id), { via: 'system' }, () =>
        app.nest
          .get(Database)
          .transaction(() => app.nest.get(Jobs).enqueue('test.unhandled', {}, { after_ms: 3_600_000 })),
      ),
  '/api/v1/ingest/runs': (caller) =>
    created(caller, 'ingest', { source: 'swept', payload: 'First Name,Email\nAda,ada@example.com' }),
  '/api/v1/workspace/members': (caller) =>
    created(caller, 'workspace/members', { email: `m-${crypto.randomUUID()}@example.com`, role: 'viewer' }),
  '/api/v1/workspace/sso-connections': (caller) =>
    created(caller, 'workspace/sso-connections', {
      name: 'Swept',
      issuer: 'https://login.example.com',
      audiences: [crypto.randomUUID()],
    }),
  '/api/v1/workspace/api-keys': (caller) => created(caller, 'workspace/api-keys', { name: 'swept', role: 'viewer' }),
  '/api/v1/webhooks': (caller) => created(caller, 'webhooks', { name: 'Swept', url: 'https://example.com/hook' }),
  '/api/v1/webhooks/dead-letters': async (caller, { workspace, database }) => {
    const webhook = await created(caller, 'webhooks', { name: 'Swept', url: 'https://example.com/hook' });
    const dead = await database.owner.query<{ id: string }>(
      `insert into webhook_deliveries (workspace_id, id, webhook_id, event_id, event_type, trigger, status)
        values ($1, app.uuidv7(), $2, app.uuidv7(), 'contact.created', 'event', 'dead') returning id`,
      [workspace.id, webhook],
    );
    return (dead.rows as Json)[0].id;
  },
  '/api/v1/events': async (caller) => {
    const contact = await created(caller, 'contacts', { email: `log-${crypto.randomUUID()}@example.com` });
    const { body } = await caller.get(`events?subject=contact/${contact}&limit=1`);
    return (body as Json).items[0].id;
  },
};

async function created(caller: Caller, path: string, body: object): Promise<string> {
  const answer = await caller.post(path, body);
  if (answer.status >= 300) throw new Error(`POST ${path} answered ${answer.status}: ${answer.text}`);
  return (answer.body as Json).id;
}
