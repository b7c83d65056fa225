import 'reflect-metadata';
import { loadConfig } from '../config/load-config.js';
import { serve } from './serve.js';
import { startFailure } from './start-failure.js';

/** The process. What a person has to know goes to standard output, the log to standard error. */
try {
  const server = await serve(loadConfig());
  const end = (): void => {
    server.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
} catch (error) {
  process.stderr.write(`Engawa did not start. ${startFailure(error)}\n`);
  process.exit(1);
}
