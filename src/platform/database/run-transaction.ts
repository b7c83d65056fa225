import { DatabaseError, type Pool, type PoolClient, type QueryResult } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import { allOf, openScope, Scope } from './scope.js';
import { gatherWrites } from './one-write.js';
import type { Statement } from './statement.js';
import { readInWorkspace } from './workspace-read.js';

/** Attempts of a transaction that loses to another one (SQLSTATE 40001 serialization, 40P01 deadlock). */
const MAX_ATTEMPTS = 5;

export interface TransactionPlan {
  readonly door: Scope['door'];
  readonly begin: string;
  /** Sent with BEGIN, before anything the work sends. */
  readonly enter: Statement | null;
  readonly workspace_id: string | null;
  /** Nothing was written: the answer need not wait for COMMIT. */
  readonly is_read_only?: boolean;
}

/** Runs work in a transaction of its own and retries it when it lost a serialization race. */
export async function runTransaction<T>(source: DataSource, plan: TransactionPlan, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(source, plan, work);
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !isRace(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** attempt));
    }
  }
}

async function runOnce<T>(source: DataSource, plan: TransactionPlan, work: () => Promise<T>): Promise<T> {
  const runner = source.createQueryRunner('master');
  const client = (await runner.connect()) as PoolClient;
  const scope = new Scope(plan.door, runner, client);
  scope.workspace_id = plan.workspace_id;
  // TypeORM would otherwise open and commit a transaction of its own inside, and the workspace setting would be lost.
  Object.assign(runner, { isTransactionActive: true, transactionDepth: 1 });
  const opened = [scope.command(plan.begin), ...(plan.enter ? [scope.send(plan.enter)] : [])];
  for (const promise of opened) promise.catch(() => undefined);
  let result: T;
  try {
    result = await openScope.run(scope, work);
    await Promise.all(opened);
  } catch (error) {
    scope.state = 'over';
    await client.query('ROLLBACK').then(
      () => runner.release(),
      () => discard(runner, client),
    );
    throw error;
  }
  if (plan.is_read_only) {
    scope.state = 'over';
    scope.command('COMMIT').then(
      () => runner.release(),
      () => discard(runner, client),
    );
    return result;
  }
  await commit(scope);
  return result;
}

async function commit(scope: Scope): Promise<void> {
  const pending = scope.sendPending();
  scope.state = 'over';
  try {
    const answers = await allOf([...pending, scope.command('COMMIT')]);
    const last: QueryResult | undefined = answers.at(-1);
    if (last?.command !== 'COMMIT')
      throw new Error('the transaction was rolled back: a failed statement was not awaited');
  } catch (error) {
    // COMMIT after a failed statement rolls back; a broken connection must not return to the pool.
    await scope.client.query('ROLLBACK').then(
      () => scope.runner.release(),
      () => discard(scope.runner, scope.client),
    );
    throw error;
  }
  await scope.runner.release();
  scope.runAfterCommits();
}

/** Statements that only read one workspace, each in a transaction of its own: one round trip for all. */
export async function readAlone(
  source: DataSource,
  workspaceId: string,
  statements: readonly Statement[],
): Promise<QueryResult[]> {
  const client = await (source.driver as unknown as { readonly master: Pool }).master.connect();
  // The pool listens to idle connections only, and an error event that nobody hears ends the process. What is lost shows
  // in the statements as well.
  client.on('error', toldByStatements);
  gatherWrites(client);
  try {
    const answers = await allOf(statements.map((statement) => readInWorkspace(client, workspaceId, statement)));
    client.release();
    return answers;
  } catch (error) {
    // A statement that PostgreSQL refused leaves the connection in order; anything else may not.
    client.release(!isRefusal(error));
    throw error;
  } finally {
    client.off('error', toldByStatements);
  }
}

function toldByStatements(): void {
  // Each statement under way is rejected with the same error.
}

/** PostgreSQL refused a statement and goes on; with class 57 it ended the connection. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith('57P') !== true;
}

/** Closes a connection that is in no known state. TypeORM has let go of one that was lost already. */
function discard(runner: QueryRunner, client: PoolClient): void {
  if (!runner.isReleased) client.release(true);
}

/** Runs work under a savepoint of the open transaction: what it wrote and collected is undone when it throws. */
export async function runSavepoint<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
  const restore = scope.mark();
  // The items held so far stay outside of the savepoint.
  await scope.command('SAVEPOINT step');
  try {
    const result = await work();
    demandOpen(scope);
    await allOf([...scope.sendPending(), scope.command('RELEASE SAVEPOINT step')]);
    return result;
  } catch (error) {
    // Something beside the savepoint failed first: the connection may already serve another transaction.
    if (scope.state === 'over') throw error;
    await scope.client.query('ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step');
    restore();
    throw error;
  }
}

function demandOpen(scope: Scope): void {
  if (scope.state === 'over') throw new Error('this transaction is over: an await is missing');
}

function isRace(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === '40001' || code === '40P01';
}
