import { Injectable } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';
import { InjectDataSource } from '@nestjs/typeorm';
import { Context } from '../context/context.js';
import type { Principal } from '../context/principal.js';
import type { RequestContext } from '../context/context.js';
import { runTransaction } from './run-transaction.js';
import { allOf, openScope, requireScope, Scope } from './scope.js';
import { type Statement, statementName } from './statement.js';

/**
 * The staff door, for the few jobs above workspaces: relay, job claims, login look-up, health, retention. Its role sees
 * platform tables of all workspaces and no business table at all; to touch one it must enter a workspace first.
 */
@Injectable()
export class SystemDatabase {
  private readonly pool: Pool;

  constructor(
    @InjectDataSource('system') private readonly source: DataSource,
    private readonly context: Context,
  ) {
    this.pool = (source.driver as unknown as { master: Pool }).master;
  }

  /** One prepared statement: in the open staff transaction, or by itself. */
  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.send({ text, values })).rows as Row[];
  }

  /** One prepared statement; how many rows it touched. */
  async execute(text: string, values: readonly unknown[] = []): Promise<number> {
    return (await this.send({ text, values })).rowCount ?? 0;
  }

  /** Runs work in a staff transaction; nested calls join it. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.ownScope()) return work();
    return runTransaction(this.source, { door: 'system', begin: 'BEGIN', enter: null, workspace_id: null }, work);
  }

  /**
   * Runs work as the application role inside one workspace, under a savepoint of the open staff transaction. What it
   * wrote, published and enqueued is undone when it throws.
   */
  async inWorkspace<T>(
    principal: Principal,
    options: Partial<Omit<RequestContext, 'principal'>> & { readonly via: RequestContext['via'] },
    work: () => Promise<T>,
  ): Promise<T> {
    const scope = requireScope();
    if (scope.door !== 'system' || scope.workspace_id)
      throw new Error('enter a workspace from a staff transaction only');
    const restore = scope.mark();
    await scope.client.query('SAVEPOINT workspace; SET LOCAL ROLE engawa_app');
    await scope.send({ text: "select set_config('app.workspace_id', $1, true)", values: [principal.workspace_id] });
    scope.workspace_id = principal.workspace_id;
    try {
      const result = await this.context.runAs(principal, options, work);
      await allOf([
        ...scope.sendPending(),
        scope.send({ text: "select set_config('app.workspace_id', '', true)", values: [] }),
        scope.client.query('RESET ROLE; RELEASE SAVEPOINT workspace'),
      ]);
      return result;
    } catch (error) {
      // Rolling back to the savepoint also takes back the role and the workspace setting.
      await scope.client.query('ROLLBACK TO SAVEPOINT workspace; RELEASE SAVEPOINT workspace');
      restore();
      throw error;
    } finally {
      scope.workspace_id = null;
    }
  }

  /** Runs once the open staff transaction is committed. */
  afterCommit(effect: () => void): void {
    requireScope().afterCommit(effect);
  }

  private ownScope(): Scope | undefined {
    const scope = openScope.getStore();
    return scope?.state === 'open' && scope.door === 'system' && !scope.workspace_id ? scope : undefined;
  }

  private send(statement: Statement): Promise<{ rows: unknown[]; rowCount: number | null }> {
    const scope = this.ownScope();
    if (scope) return scope.send(statement);
    const name = statementName(statement.text);
    return this.pool.query({ ...(name && { name }), text: statement.text, values: statement.values as unknown[] });
  }
}
