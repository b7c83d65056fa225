import pg from 'pg';

/** A statement as a connection of the application role sent it. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What the connections of the application role send while work runs; relay and workers have connections of another role. */
export async function sentDuring(work: () => Promise<unknown>): Promise<SentStatement[]> {
  const original = pg.Client.prototype.query;
  const sent: SentStatement[] = [];
  pg.Client.prototype.query = function recorded(this: { user?: string }, ...given: unknown[]) {
    const [first] = given as [string | { text: string; values?: unknown[] }];
    const statement =
      typeof first === 'string' ? { text: first, values: [] } : { text: first.text, values: first.values ?? [] };
    if (this.user === 'engawa_app') sent.push(statement);
    return (original as (...args: unknown[]) => unknown).apply(this, given);
  } as typeof original;
  try {
    await work();
  } finally {
    pg.Client.prototype.query = original;
  }
  return sent;
}
