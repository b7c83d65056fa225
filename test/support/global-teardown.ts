import { rmSync } from 'node:fs';
import type { TestServer } from './global-setup.js';

export default async function globalTeardown(): Promise<void> {
  const { engawaTestServer } = globalThis as unknown as { engawaTestServer: TestServer };
  await engawaTestServer.server.stop();
  rmSync(engawaTestServer.dataDir, { recursive: true, force: true });
}
