import { startTestApp, type TestApp } from '../../support/app.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

it('links to everything from the root, without a credential', async () => {
  const answer = await app.anonymous.get('/');
  expect(answer.status).toBe(200);
  expect(answer.body.links.openapi).toMatch(/openapi\.json$/);
});

it('answers an unknown route with a problem', async () => {
  const answer = await app.anonymous.get('/api/v1/nonsense');
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toMatch(/problem\+json/);
  expect(answer.body.type).toMatch(/route-not-found$/);
});

it('describes itself as OpenAPI 3.1', async () => {
  const answer = await app.anonymous.get('/openapi.json');
  expect(answer.body.openapi).toBe('3.1.0');
});
