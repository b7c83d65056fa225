import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Caller, caller } from './app.js';
import { createTestDatabase, TEST_SECRET_KEY, type TestDatabase } from './database.js';
import { until } from './until.js';

/** Settings of a process, by the names of its environment variables. */
export type Environment = Readonly<Record<string, string>>;

/** A process of the built product, with what it has said so far. */
export interface ProductProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when the process has ended, in whatever way, and all it said has been read. */
  readonly ended: Promise<HowItEnded>;
  /** Sends a signal and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<HowItEnded>;
}

export interface HowItEnded {
  readonly code: number | null;
  readonly signal: string | null;
  /** From the call of `end`, or from the start. */
  readonly took_ms: number;
}

/** A server that is ready. */
export interface ServerProcess extends ProductProcess {
  readonly url: string;
  /** Someone who calls this process. */
  as(key: string): Caller;
}

/** The owner key of every installation that a test starts on a database of its own. */
export const OWNER_KEY = `egw_journeys_${'k'.repeat(43)}`;

const START_MS = 60_000;
const running = new Set<ProductProcess>();

const SCRIPTS = {
  server: '../../dist/src/main.js',
  cli: '../../dist/src/cli.js',
  /** The server with a consumer, a job and a schedule of the test. */
  witness: './witness-server.mjs',
};

/** Runs a script of the build with nothing of the test's environment but the path. */
export function spawnProduct(
  script: keyof typeof SCRIPTS,
  environment: Environment = {},
  parameters: readonly string[] = [],
): ProductProcess {
  const file = fileURLToPath(new URL(SCRIPTS[script], import.meta.url));
  const { PATH = '' } = process.env;
  const began_ms = performance.now();
  const child = spawn(process.execPath, [file, ...parameters], {
    cwd: tmpdir(),
    env: { PATH, HOME: tmpdir(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const endedAt = once(child, 'close').then(() => performance.now());
  const how = (since_ms: number) =>
    endedAt.then((end_ms) => ({ code: child.exitCode, signal: child.signalCode, took_ms: end_ms - since_ms }));
  const started: ProductProcess = {
    child,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended: how(began_ms),
    end: (signal) => {
      const since_ms = performance.now();
      child.kill(signal);
      return how(since_ms);
    },
  };
  running.add(started);
  child.once('close', () => running.delete(started));
  return started;
}

/**
 * Starts a server on a free port; resolves once it says that it is ready.
 * @throws {Error} with everything it said, when it ends instead.
 */
export async function startServer(
  environment: Environment,
  script: 'server' | 'witness' = 'server',
): Promise<ServerProcess> {
  const server = spawnProduct(script, { PORT: '0', LOG_LEVEL: 'warn', ...environment });
  const ready = () => /^Engawa is ready at (\S+)/m.exec(server.stdout())?.[1];
  const isOver = () => !running.has(server);
  await until('the server is ready or has ended', () => ready() !== undefined || isOver(), { within_ms: START_MS });
  const url = ready();
  if (url === undefined) throw new Error(`the server did not start: ${server.stdout()}${server.stderr()}`);
  return { ...server, url, as: (key) => caller(url, key) };
}

/** Kills what a test has left running. */
export async function endProcesses(): Promise<void> {
  await Promise.all(
    [...running].map((one) => {
      one.child.kill('SIGCONT');
      return one.end('SIGKILL');
    }),
  );
}

/** A database and a data directory that any number of servers may share, with the owner key of its first workspace. */
export interface Installation {
  readonly database: TestDatabase;
  readonly data_dir: string;
  readonly environment: Environment;
  start(more?: Environment, script?: 'server' | 'witness'): Promise<ServerProcess>;
  /** The only workspace. */
  workspaceId(): Promise<string>;
  count(sql: string, values?: readonly unknown[]): Promise<number>;
  /** Ends its servers and forgets it. */
  remove(): Promise<void>;
}

/** A migrated database without a workspace: the first server makes it, with {@link OWNER_KEY}. */
export async function newInstallation(settings: Environment = {}): Promise<Installation> {
  const database = await createTestDatabase();
  const data_dir = await mkdtemp(join(tmpdir(), 'engawa journey '));
  const environment = {
    DATABASE_URL: database.owner_url,
    ENGAWA_DATA_DIR: data_dir,
    ENGAWA_SECRET_KEY: TEST_SECRET_KEY,
    ENGAWA_BOOTSTRAP_KEY: OWNER_KEY,
    ENGAWA_DATABASE_POOL_SIZE: '8',
    ...settings,
  };
  return {
    database,
    data_dir,
    environment,
    start: (more = {}, script = 'server') => startServer({ ...environment, ...more }, script),
    workspaceId: async () => {
      const { rows } = await database.owner.query<{ id: string }>('select id from workspaces');
      return rows[0]?.id ?? '';
    },
    count: async (sql, values = []) => {
      const { rows } = await database.owner.query<{ n: number }>(`select count(*)::int as n from ${sql}`, [...values]);
      return rows[0]?.n ?? Number.NaN;
    },
    remove: async () => {
      await endProcesses();
      await database.drop();
      await rm(data_dir, { recursive: true, force: true });
    },
  };
}
