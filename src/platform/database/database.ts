import { Injectable } from '@nestjs/common';
import type { QueryResultRow } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { InjectDataSource } from '@nestjs/typeorm';
import { Context } from '../context/context.js';
import { readAlone, runSavepoint, runTransaction } from './run-transaction.js';
import { type CommitWriter, openScope, requireScope } from './scope.js';
import type { Statement } from './statement.js';

/**
 * The workspace door. Forgetting a `where workspace_id` must be impossible, so there is one way to the tables of a
 * workspace: a transaction that carries the workspace of the request context to PostgreSQL, where row-level security
 * compares it with every row. BEGIN and the workspace go out in the round trip of the first statement; events, search
 * documents and jobs collected on the way go out in the round trip of COMMIT.
 */
@Injectable()
export class Database {
  constructor(
    @InjectDataSource('app') private readonly source: DataSource,
    private readonly context: Context,
  ) {}

  /**
   * Runs work in one transaction of the caller's workspace; nested calls join it. Retried when it loses a serialization
   * race, so work must have no effect outside the database.
   */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.open('BEGIN', work);
  }

  /** Like transaction, for work that only reads: PostgreSQL refuses writes, and the answer does not wait for COMMIT. */
  read<T>(work: () => Promise<T>): Promise<T> {
    return this.open('BEGIN READ ONLY', work, true);
  }

  /** The rows of one reading statement: in the open transaction, else in one of its own that costs one round trip. */
  async readRows<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const [rows = []] = await this.readAll([{ text, values }]);
    return rows as Row[];
  }

  /** The rows of several reading statements, like readRows. */
  async readAll(statements: readonly Statement[]): Promise<QueryResultRow[][]> {
    if (this.isOpen()) return this.queryAll(statements);
    const results = await readAlone(this.source, this.context.workspaceId(), statements);
    return results.map((result) => result.rows as QueryResultRow[]);
  }

  /** A read-only repeatable-read transaction: every statement sees the same moment. For exports. */
  snapshot<T>(work: () => Promise<T>): Promise<T> {
    return this.open('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work, true);
  }

  /** Runs work under a savepoint: when it throws, what it wrote is undone and the transaction goes on. */
  savepoint<T>(work: () => Promise<T>): Promise<T> {
    return runSavepoint(requireScope(), work);
  }

  /** True inside an open transaction; then nothing may wait for the network. */
  isOpen(): boolean {
    return openScope.getStore()?.state === 'open';
  }

  /** TypeORM's handle on the open transaction. */
  get manager(): EntityManager {
    return requireScope().manager;
  }

  /** Runs one prepared statement in the open transaction and returns its rows. */
  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const result = await requireScope().send({ text, values });
    return result.rows as Row[];
  }

  /** Runs one prepared statement and returns how many rows it touched. */
  async execute(text: string, values: readonly unknown[] = []): Promise<number> {
    const result = await requireScope().send({ text, values });
    return result.rowCount ?? 0;
  }

  /** Several independent statements in one round trip, answered in order. */
  async queryAll(statements: readonly Statement[]): Promise<QueryResultRow[][]> {
    const scope = requireScope();
    const results = await Promise.all(statements.map((statement) => scope.send(statement)));
    return results.map((result) => result.rows as QueryResultRow[]);
  }

  /** Hands items to a writer that writes them in the round trip of COMMIT. */
  atCommit<Item>(writer: CommitWriter<Item>, ...items: Item[]): void {
    requireScope().collect(writer, items);
  }

  /** Runs once the transaction is committed, never if it is not. For wake-ups only. */
  afterCommit(effect: () => void): void {
    requireScope().afterCommit(effect);
  }

  private open<T>(begin: string, work: () => Promise<T>, is_read_only = false): Promise<T> {
    const joined = openScope.getStore();
    if (joined?.state === 'open') {
      if (joined.workspace_id !== this.context.workspaceId()) {
        throw new Error('a transaction of another workspace is open: enter the workspace first');
      }
      return work();
    }
    const workspace_id = this.context.workspaceId();
    const enter = { text: "select set_config('app.workspace_id', $1, true)", values: [workspace_id] };
    return runTransaction(this.source, { door: 'workspace', begin, enter, workspace_id, is_read_only }, work);
  }
}
