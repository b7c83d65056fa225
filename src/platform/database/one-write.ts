import type { Writable } from 'node:stream';
import type { PoolClient } from 'pg';

const gathering = new WeakSet<Writable>();

/**
 * Statements that are sent to a connection within one turn of the event loop leave in one write. A system call costs
 * more than building the message, and BEGIN, the workspace and the first statement are sent in the same turn, as are
 * what a transaction collected and its COMMIT.
 */
export function gatherWrites(client: PoolClient): void {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
  if (gathering.has(stream)) return;
  gathering.add(stream);
  stream.cork();
  // After the microtasks of this turn: the code between two statements has run by then.
  process.nextTick(() => {
    gathering.delete(stream);
    stream.uncork();
  });
}
