/** An Engawa reduced to its database: `node embedded-server.runner.mjs DATA_DIR`. Ends after a line on its standard input. */
import { once } from 'node:events';
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
const { startEmbeddedServer } = await import('../../src/platform/database/embedded-server.ts');
try {
  const server = await startEmbeddedServer({ data_dir: process.argv[2], settings: { shared_buffers: '16MB' } });
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
  await once(process.stdin, 'data');
  process.stdin.destroy();
  await server.stop();
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: `${error.name}: ${error.message}` })}\n`);
}
// No process.exit: whatever the server left open would keep this process alive, and the test would see it.
