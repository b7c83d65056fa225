import type { AppConfig } from '../config/app-config.js';
import { Bootstrap } from './modules/workspaces/index.js';
import { prepareDatabase } from './platform/database/prepare-database.js';
import { installationKey } from './platform/secrets/installation-key.js';
import { createLog } from './platform/telemetry/log.js';
import { startApp } from './start-app.js';

/** A serving process. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

/** Longest time a stop may take before what is left is cut off. */
const STOP_PATIENCE_MS = 9_000;

/** Prepares the database, starts the rooms, and says where to go. */
export async function serve(config: AppConfig): Promise<Server> {
  const started = performance.now();
  const log = createLog(config.telemetry.log_level);
  const secretKey = installationKey(config.database.secret_key, config.database.data_dir);
  const database = await prepareDatabase(config.database, secretKey);
  try {
    const app = await startApp(config, database.urls, secretKey, {
      log,
      before_listening: async (nest) => {
        const key = await nest.get(Bootstrap).run(config.database.bootstrap_key || undefined);
        // Told before anything else can fail: it is not kept.
        if (key !== null) process.stdout.write(firstKey(config.database.bootstrap_key === '' ? key : null));
      },
    });
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    process.stdout.write(`Engawa is ready at ${app.url} (${seconds} s)\n`);
    return {
      url: app.url,
      stop: async () => {
        await within(STOP_PATIENCE_MS, app.stop());
        await database.stop();
        log.flush();
      },
    };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/** Shown once: the key is not kept. A preset key is known to whoever set it. */
function firstKey(key: string | null): string {
  if (key === null) return 'A first workspace was made; its owner key is the preset one.\n';
  return `A first workspace was made. Its owner key is shown this once:\n\n  ${key}\n\n`;
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
