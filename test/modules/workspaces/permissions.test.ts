import { randomUUID } from 'node:crypto';
import { PERMISSIONS, permissionsOf, type Role, ROLES } from '../../../src/contracts/permissions.js';
import { type Route, RouteCatalogue } from '../../../src/platform/http/route-catalogue.js';
import { type Caller, startTestApp, type TestApp } from '../../support/app.js';

let app: TestApp;
let routes: readonly Route[];
beforeAll(async () => {
  app = await startTestApp();
  routes = app.app.nest
    .get(RouteCatalogue)
    .all()
    .filter(({ access, path, operation }) => {
      const isStream = operation?.produces?.includes('text/event-stream') === true;
      return access && !access.is_public && !path.startsWith('/mcp') && !isStream;
    });
});
afterAll(() => app.close());

/** The table of the design, read by a person: what each role may beyond the weaker one. */
const OWNER_ONLY = ['workspace:admin', 'sso:write', 'privacy:erase'];
const ADMIN_FIRST =
  /^(members|keys|webhooks|connections|secrets|workflows|agents|insights|custom_fields|jobs):(write|approve|admin)$|:delete$|^mcp:write$|^(audit|privacy):read$|^portability:/;

it('gives each role what the table says', () => {
  const first = (permission: string): Role => {
    if (OWNER_ONLY.includes(permission)) return 'owner';
    if (ADMIN_FIRST.test(permission)) return 'admin';
    return permission.endsWith(':read') ? 'viewer' : 'member';
  };
  const expected = ROLES.map((role) =>
    PERMISSIONS.filter((permission) => ROLES.indexOf(first(permission)) <= ROLES.indexOf(role)),
  );
  expect(ROLES.map((role) => [...permissionsOf(role)])).toEqual(expected);
});

it('refuses each role exactly the routes whose permission it lacks', async () => {
  const wrong: string[] = [];
  for (const role of ROLES) {
    const caller = await app.workspace.key(role);
    for (const route of routes) {
      const needed = route.access?.permissions ?? [];
      const mayPass = needed.every((permission) => permissionsOf(role).has(permission));
      const isRefused = mayPass ? false : (await send(caller, route)) !== 403;
      if (isRefused) wrong.push(`${role} reaches ${route.method} ${route.path}`);
      if (mayPass && role === 'owner' && (await send(caller, route)) === 403) wrong.push(`${role} lacks ${route.path}`);
    }
  }
  expect(wrong).toEqual([]);
});

it('lets a read-only key write nowhere', async () => {
  const viewer = await app.workspace.key('viewer');
  const writing = routes.filter(({ method, access }) => method !== 'GET' && (access?.permissions.length ?? 0) > 0);
  const reached: string[] = [];
  for (const route of writing) {
    const isRead = route.access?.permissions.every((permission) => permission.endsWith(':read'));
    if (!isRead && (await send(viewer, route)) !== 403) reached.push(`${route.method} ${route.path}`);
  }
  expect(writing.length).toBeGreaterThan(10);
  expect(reached).toEqual([]);
});

it('gives a key without scopes nothing but what needs no permission', async () => {
  const nothing = await app.workspace.key('owner', []);
  const reached: string[] = [];
  for (const route of routes.filter(({ access }) => (access?.permissions.length ?? 0) > 0)) {
    if ((await send(nothing, route)) !== 403) reached.push(`${route.method} ${route.path}`);
  }
  expect(reached).toEqual([]);
});

async function send(caller: Caller, route: Route): Promise<number> {
  const path = route.path.replace(/:\w+/g, randomUUID());
  const body = ['POST', 'PATCH', 'PUT'].includes(route.method) ? {} : undefined;
  return (await caller.request(route.method, path, body)).status;
}
