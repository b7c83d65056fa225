import { randomUUID } from 'node:crypto';
import { Controller, Get, Module } from '@nestjs/common';
import { roleFor, ROLES } from '../../src/contracts/permissions.js';
import { exampleOf } from '../../src/platform/http/json-schema.js';
import { type Route, RouteCatalogue } from '../../src/platform/http/route-catalogue.js';
import { type Answer, type Caller, startTestApp, type TestApp, type TestWorkspace } from '../support/app.js';
import { SPECIMENS } from '../support/specimens.js';

let app: TestApp;
let routes: readonly Route[];
let stranger: TestWorkspace;
beforeAll(async () => {
  app = await startTestApp();
  routes = app.app.nest.get(RouteCatalogue).all();
  stranger = await app.newWorkspace();
});
afterAll(() => app.close());

/** Streams stay open, so they have tests of their own. */
const isStream = (route: Route) => route.operation?.produces?.includes('text/event-stream') === true;

it('finds routes at all', () => {
  expect(routes.length).toBeGreaterThan(5);
});

it('has a rule of access on every route', () => {
  expect(routes.filter((route) => !route.access).map((route) => route.handler)).toEqual([]);
});

it('does not start with a route that has none', async () => {
  @Controller('api/v1/planted')
  class PlantedController {
    @Get()
    open(): string {
      return 'everybody';
    }
  }
  @Module({ controllers: [PlantedController] })
  class PlantedModule {}
  await expect(startTestApp({}, undefined, [PlantedModule])).rejects.toThrow(
    /add @Requires or @Public to PlantedController.open/,
  );
});

it('documents every route under a unique operation id', () => {
  expect(routes.filter((route) => !route.operation).map((route) => route.handler)).toEqual([]);
  const ids = routes.filter((route) => route.operation).map((route) => `${route.operation?.id} ${route.handler}`);
  const handlers = new Map<string, Set<string>>();
  for (const id of ids) {
    const [operation = '', handler = ''] = id.split(' ');
    handlers.set(operation, (handlers.get(operation) ?? new Set()).add(handler));
  }
  expect([...handlers].filter(([, owners]) => owners.size > 1)).toEqual([]);
});

it('answers 401 with one same body to every route that is not public', async () => {
  const bodies = new Set<string>();
  for (const route of routes.filter(({ access }) => access && !access.is_public)) {
    for (const key of ['', 'egw_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'nonsense']) {
      const answer = await send(
        app.anonymous,
        route,
        randomUUID(),
        key === '' ? {} : { authorization: `Bearer ${key}` },
      );
      expect([route.handler, answer.status]).toEqual([route.handler, 401]);
      if (!route.path.startsWith('/mcp')) bodies.add(withoutRequestId(answer));
    }
  }
  expect([...bodies]).toHaveLength(1);
});

it('answers 403 to a role that lacks the permission of the route', async () => {
  for (const route of routes.filter(({ access }) => access && access.permissions.length > 0)) {
    const needed = Math.max(
      ...(route.access?.permissions ?? []).map((permission) => ROLES.indexOf(roleFor(permission))),
    );
    const weaker = ROLES[needed - 1];
    const caller = weaker ? await app.workspace.key(weaker) : await app.workspace.key('viewer', []);
    const answer = await send(caller, route, randomUUID());
    expect([route.handler, answer.status]).toEqual([route.handler, 403]);
  }
});

it('answers a foreign id exactly like a random one, on every route with an id', async () => {
  const missing: string[] = [];
  for (const route of routes.filter(({ path, access }) => /:(id|user_id)/.test(path) && !access?.is_public)) {
    const collection = route.path.slice(0, route.path.search(/\/:(id|user_id)/));
    const specimen = SPECIMENS[collection];
    if (!specimen) {
      missing.push(`${collection} (${route.handler})`);
      continue;
    }
    const foreign = await specimen(app.workspace.owner, app);
    const answers = [];
    const body = route.body && route.method === 'POST' ? JSON.stringify(exampleOf(route.body)) : undefined;
    for (const id of [foreign, randomUUID(), 'no-uuid']) answers.push(await send(stranger.owner, route, id, {}, body));
    const [ofForeign, ofRandom, ofNonsense] = answers.map((answer) => `${answer.status} ${withoutRequestId(answer)}`);
    expect([route.handler, ofForeign]).toEqual([route.handler, ofRandom]);
    expect([route.handler, ofNonsense]).toEqual([route.handler, ofRandom]);
    expect([route.handler, answers[0]?.status]).toEqual([route.handler, 404]);
  }
  expect(missing.map((name) => `add a specimen for ${name} to test/support/specimens.ts`)).toEqual([]);
});

it('never answers 500 to a body of the wrong shape', async () => {
  const bodies = [
    '',
    '{',
    '[]',
    'null',
    '"text"',
    '{"\\u0000":1}',
    '{"name":"\\ud800"}',
    '{"__proto__":{"x":1}}',
    '['.repeat(5_000),
    '{"a":1e400}',
  ];
  for (const route of routes.filter(
    ({ method, path }) => ['POST', 'PATCH', 'PUT'].includes(method) && !path.startsWith('/mcp'),
  )) {
    for (const body of bodies) {
      const answer = await send(app.workspace.owner, route, randomUUID(), { 'content-type': 'application/json' }, body);
      expect([route.handler, body.slice(0, 40), answer.status >= 500]).toEqual([
        route.handler,
        body.slice(0, 40),
        false,
      ]);
    }
    const text = await send(app.workspace.owner, route, randomUUID(), { 'content-type': 'text/plain' }, 'text');
    expect([route.handler, text.status < 500]).toEqual([route.handler, true]);
  }
});

it('never answers 500 to a query of the wrong shape', async () => {
  const queries = [
    'limit=0',
    'limit=x',
    'cursor=x',
    'cursor=%00',
    'nonsense=1',
    'sort=nonsense',
    'q=%F0%9F',
    'limit=1&limit=2',
    '__proto__=1',
    'created_at.gte=x',
  ];
  for (const route of routes.filter(({ method, operation }) => method === 'GET' && operation?.list)) {
    for (const query of queries) {
      const answer = await app.workspace.owner.get(`${route.path.replace(/:\w+/g, randomUUID())}?${query}`);
      expect([route.handler, query, answer.status >= 500]).toEqual([route.handler, query, false]);
    }
    const unknown = await app.workspace.owner.get(`${route.path.replace(/:\w+/g, randomUUID())}?nonsense=1`);
    expect([route.handler, [404, 422].includes(unknown.status)]).toEqual([route.handler, true]);
  }
});

async function send(
  caller: Caller,
  route: Route,
  id: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Answer> {
  const path = route.path.replace(/:\w+/g, id);
  if (isStream(route)) {
    const aborted = AbortSignal.timeout(5_000);
    const response = await fetch(`${app.url}${path}`, {
      headers: { ...(caller.key && { authorization: `Bearer ${caller.key}` }), ...headers },
      signal: aborted,
    });
    const text = response.status >= 400 ? await response.text() : '';
    await response.body?.cancel().catch(() => undefined);
    return { status: response.status, headers: response.headers, text, body: text === '' ? null : JSON.parse(text) };
  }
  const sent = body ?? (['POST', 'PATCH', 'PUT'].includes(route.method) ? '{}' : undefined);
  return caller.request(route.method, path, sent, headers);
}

function withoutRequestId(answer: Answer): string {
  return JSON.stringify({ ...answer.body, instance: null });
}
