import { ConfigError } from '../config/load-config.js';
import { EmbeddedServerError } from './platform/database/embedded-server.errors.js';
import { RolesMissing } from './platform/database/roles.js';

/** PostgreSQL refuses the connection (SQLSTATE classes 28 and 3D, and 57P03 while it starts). */
const REFUSED_BY_DATABASE = /^(28\w{3}|3D000|53300|57P03)$/;

/**
 * What to tell an operator of a start that failed: a sentence where the cause lies outside of the product, else the stack,
 * for then it is a bug. Never holds a password: neither Node nor PostgreSQL repeats one.
 */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError || error instanceof EmbeddedServerError || error instanceof RolesMissing) {
    return error.message;
  }
  const { code = '', syscall } = error as Partial<NodeJS.ErrnoException>;
  if (syscall === 'listen') {
    return code === 'EADDRINUSE'
      ? `${error.message}. Stop what listens there, or set PORT to another port (0 takes a free one).`
      : `${error.message}. Check HOST and PORT.`;
  }
  if (syscall === 'connect' || syscall === 'getaddrinfo' || REFUSED_BY_DATABASE.test(code)) {
    return `The database cannot be used: ${error.message}. Check DATABASE_URL, and that PostgreSQL runs there.`;
  }
  return error.stack ?? error.message;
}
