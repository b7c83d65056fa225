import { Receiver, verified } from '../modules/webhooks/receiver.js';
import { endProcesses, type Installation, newInstallation, OWNER_KEY } from '../support/server-process.js';
import { until } from '../support/until.js';

/** Deliveries of the one endpoint that a process has under way at a time: a quarter of its slots. */
const IN_FLIGHT = 8;
const CONTACTS = 120;

let installation: Installation;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
  installation = await newInstallation({
    ENGAWA_OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    ENGAWA_OUTBOUND_ALLOW_HTTP: 'true',
  });
});
afterAll(async () => {
  await endProcesses();
  await installation.remove();
  await receiver.stop();
});

it('a process killed while it delivers loses nothing and repeats only what was under way', async () => {
  let server = await installation.start();
  const owner = server.as(OWNER_KEY);
  const webhook = await owner.post('webhooks', {
    name: 'Receiver',
    url: receiver.url,
    event_types: ['contact.created'],
  });
  expect(webhook.status).toBe(201);

  // Twenty get their answer, the rest hang: some of these the receiver has taken, yet the sender will never know.
  receiver.respond = (_received, response, nth) => {
    if (nth <= 20) response.writeHead(204).end();
  };
  const batch = Array.from({ length: CONTACTS }, (_none, index) => ({ first_name: `No ${index}` }));
  expect((await owner.post('contacts/batch', batch)).status).toBe(200);
  await receiver.has(20 + IN_FLIGHT);
  await server.end('SIGKILL');
  const before = receiver.received.length;

  receiver.answer(204);
  server = await installation.start();
  const succeeded = () => installation.count(`webhook_deliveries where status = 'succeeded'`);
  await until('all have arrived', async () => (await succeeded()) === CONTACTS, { within_ms: 60_000, every_ms: 200 });

  for (const received of receiver.received) verified(webhook.body.secret, received);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(CONTACTS);
  expect(ids.length - CONTACTS).toBeLessThanOrEqual(before - 20 + IN_FLIGHT);
  expect(await installation.count(`webhook_attempts where outcome = 'interrupted'`)).toBeGreaterThanOrEqual(IN_FLIGHT);
  expect(await installation.count(`webhook_flights`)).toBe(0);
  expect(await installation.count(`jobs where kind = 'webhooks.deliver'`)).toBe(0);
}, 120_000);
