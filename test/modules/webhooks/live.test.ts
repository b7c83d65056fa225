import { startTestApp } from '../../support/app.js';
import { until } from '../../support/until.js';
import { Receiver, verified } from './receiver.js';

const outbound = { allow_cidrs: ['127.0.0.0/8'], allow_http: true };
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function receiver(): Promise<Receiver> {
  const started = await Receiver.start();
  cleanups.push(() => started.stop());
  return started;
}

async function start(...settings: Parameters<typeof startTestApp>) {
  const app = await startTestApp(...settings);
  cleanups.push(() => app.close());
  return app;
}

it('a running process delivers by itself, retries by itself, and a hanging endpoint delays nobody else', async () => {
  const app = await start({ outbound, webhooks: { retry_schedule_s: '0,0' } });
  const [flaky, hanging] = [await receiver(), await receiver()];
  hanging.respond = () => undefined;
  flaky.respond = (_received, response, nth) => response.writeHead(nth === 1 ? 500 : 200).end();
  const { owner } = app.workspace;
  const hung = await owner.post('webhooks', { name: 'Hanging', url: hanging.url, event_types: ['contact.*'] });
  const webhook = await owner.post('webhooks', { name: 'Flaky', url: flaky.url, event_types: ['contact.*'] });
  expect([hung.status, webhook.status]).toEqual([201, 201]);
  for (let index = 0; index < 30; index++) await owner.post('contacts', { first_name: `No ${index}` });
  await flaky.has(31);
  for (const received of flaky.received) verified(webhook.body.secret, received);
  const ids = new Set(flaky.received.map(({ headers }) => headers['webhook-id']));
  expect(ids.size).toBe(30);
  await until('all are recorded', async () => {
    const { body } = await owner.get(`webhooks/${webhook.body.id}/deliveries?status=succeeded&count=true`);
    return body.count === 30;
  });
  expect(hanging.received.length).toBeLessThanOrEqual(8);
});

it('what one process has committed before it ended, another delivers', async () => {
  const target = await receiver();
  const first = await start({ http: { role: 'api' }, outbound });
  const { owner } = first.workspace;
  await start({ outbound }, first.database);
  await owner.post('webhooks', { name: 'Target', url: target.url, event_types: ['contact.*'] });
  const contact = await owner.post('contacts', { first_name: 'Ada' });
  await target.has(1);
  expect(JSON.parse(target.received[0]?.body.toString() ?? '')).toMatchObject({
    subject: `contact/${contact.body.id}`,
  });
});
