import pg, { type PoolClient, type QueryResult } from 'pg';
import { statementName, type Statement } from './statement.js';

/** What pg's own query class does and its types leave out (pg 8.23, lib/query.js). */
interface PgConnection {
  readonly parsedStatements: Record<string, string>;
  parse(message: { readonly text: string; readonly name: string }): void;
  bind(message: {
    readonly statement: string;
    readonly values: readonly string[];
    readonly valueMapper: (value: string) => string;
  }): void;
  execute(message: { readonly portal: string; readonly rows: number }): void;
}

interface PgQuery {
  prepare(connection: PgConnection): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: PgConnection): void;
}

type QueryConfig = Statement & {
  readonly name: string | undefined;
  readonly callback: (error: Error | null, result: QueryResult) => void;
};

const PgQuery = pg.Query as unknown as new (config: QueryConfig) => PgQuery;

/** Names the workspace to the policies and refuses writes, both until the transaction ends. */
const ENTER = "select set_config('app.workspace_id', $1, true), set_config('transaction_read_only', 'on', true)";
const ENTER_NAME = 'e_enter_to_read';

/**
 * A reading statement and the workspace it reads from, as one message sequence. Up to its Sync the extended query protocol
 * is one transaction (PostgreSQL, "Message Flow", pipelining), so setting and statement need no BEGIN and no COMMIT: half
 * of the messages, and one answer.
 */
class WorkspaceRead extends PgQuery {
  private isEntering = true;

  constructor(
    private readonly workspaceId: string,
    config: QueryConfig,
  ) {
    super(config);
  }

  override prepare(connection: PgConnection): void {
    if (connection.parsedStatements[ENTER_NAME] === undefined) {
      connection.parse({ text: ENTER, name: ENTER_NAME });
      connection.parsedStatements[ENTER_NAME] = ENTER;
    }
    connection.bind({ statement: ENTER_NAME, values: [this.workspaceId], valueMapper: (value) => value });
    connection.execute({ portal: '', rows: 0 });
    super.prepare(connection);
  }

  override handleDataRow(message: unknown): void {
    if (!this.isEntering) super.handleDataRow(message);
  }

  override handleCommandComplete(message: unknown, connection: PgConnection): void {
    if (this.isEntering) this.isEntering = false;
    else super.handleCommandComplete(message, connection);
  }
}

/** Sends a reading statement into one workspace, in a transaction of its own. */
export function readInWorkspace(client: PoolClient, workspaceId: string, statement: Statement): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    const read = new WorkspaceRead(workspaceId, {
      text: statement.text,
      values: statement.values,
      name: statementName(statement.text),
      callback: (error, result) => (error ? reject(error) : resolve(result)),
    });
    client.query(read as unknown as pg.Submittable);
  });
}
