import { AsyncLocalStorage } from 'node:async_hooks';
import type { PoolClient, QueryResult } from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';
import { gatherWrites } from './one-write.js';
import { type Statement, statementName } from './statement.js';

/** Collects items during a transaction and writes them in its last round trip, together with COMMIT. */
export interface CommitWriter<Item> {
  /** The statements that write all items of one transaction; they are sent in this order. */
  statements(items: readonly Item[]): readonly Statement[];
}

/** One open transaction on one connection, and what is still to be written at its end. */
export class Scope {
  /** `over` from the moment COMMIT or ROLLBACK is sent: whoever still uses it forgot an await. */
  state: 'open' | 'over' = 'open';
  workspace_id: string | null = null;
  private pending = new Map<CommitWriter<unknown>, unknown[]>();
  private afterCommits: (() => void)[] = [];

  constructor(
    readonly door: 'workspace' | 'system',
    readonly runner: QueryRunner,
    readonly client: PoolClient,
  ) {}

  get manager(): EntityManager {
    return this.runner.manager;
  }

  /** A command without parameters: BEGIN, COMMIT, SAVEPOINT ... */
  command(text: string): Promise<QueryResult> {
    gatherWrites(this.client);
    return this.client.query(text);
  }

  send(statement: Statement): Promise<QueryResult> {
    gatherWrites(this.client);
    const name = statementName(statement.text);
    return this.client.query({ ...(name && { name }), text: statement.text, values: statement.values as unknown[] });
  }

  collect<Item>(writer: CommitWriter<Item>, items: readonly Item[]): void {
    const known = this.pending.get(writer as CommitWriter<unknown>);
    if (known) known.push(...items);
    else this.pending.set(writer as CommitWriter<unknown>, [...items]);
  }

  afterCommit(effect: () => void): void {
    this.afterCommits.push(effect);
  }

  /** Sends what writers hold, without waiting; the caller awaits the promises. */
  sendPending(): Promise<QueryResult>[] {
    const held = [...this.pending];
    this.pending.clear();
    return held.flatMap(([writer, items]) => writer.statements(items).map((statement) => this.send(statement)));
  }

  runAfterCommits(): void {
    for (const effect of this.afterCommits) effect();
  }

  /** What is collected at this moment, to come back to when a savepoint is rolled back. */
  mark(): () => void {
    const pending = new Map([...this.pending].map(([writer, items]) => [writer, [...items]]));
    const effects = [...this.afterCommits];
    return () => {
      this.pending = pending;
      this.afterCommits = effects;
    };
  }
}

/** The transaction of the running work, shared by both doors so that nested calls join. */
export const openScope = new AsyncLocalStorage<Scope>();

/** @throws {Error} without an open transaction, or after it ended. */
export function requireScope(): Scope {
  const scope = openScope.getStore();
  if (!scope) throw new Error('no transaction is open: call this inside Database.transaction');
  if (scope.state === 'over') throw new Error('this transaction is over: an await is missing');
  return scope;
}

/** Awaits all and throws the first failure, so that no rejection goes unseen. */
export async function allOf(promises: readonly Promise<QueryResult>[]): Promise<QueryResult[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
