import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/until.js';
import { startBench, type WebhooksBench } from './webhooks-bench.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const guide = readFileSync(`${root}docs/webhooks.md`, 'utf8');

let bench: WebhooksBench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());
beforeEach(() => bench.reset());

/** The code that follows `<!-- runs: name -->`. */
function example(name: string): string {
  const code = new RegExp(`<!-- runs: ${name} -->\\s+\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1];
  if (code === undefined) throw new Error(`docs/webhooks.md has no example ${name}`);
  return code;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it.each(['node-standardwebhooks', 'node-crypto'])(
  'the receiver %s of the guide accepts what is sent and refuses another secret',
  async (name) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const webhook = await bench.register({ url });
    const receiver = spawn(process.execPath, ['--input-type=module', '-e', example(name)], {
      cwd: root,
      env: { PATH: process.env['PATH'], PORT: String(port), WEBHOOK_SECRET: webhook.secret },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    receiver.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    try {
      const isUp = () =>
        fetch(url, { method: 'POST', body: '{}' }).then(
          ({ status }) => status === 400,
          () => false,
        );
      await until('the example listens and refuses what is not signed', isUp);
      const stranger = await bench.register({ url, event_types: ['contact.*'] });
      await bench.createContact({ first_name: '🦊' });
      await bench.deliver();
      const [accepted] = await bench.deliveries(webhook);
      const [refused] = await bench.deliveries(stranger);
      expect(accepted).toMatchObject({ status: 'succeeded' });
      expect((await bench.attempts(refused))[0]).toMatchObject({ error: 'status-400' });
      await until('the example prints', () => printed.includes(`got contact.created ${accepted.event_id}`));
    } finally {
      receiver.kill();
    }
  },
);
