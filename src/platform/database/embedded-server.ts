import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { chooseAccount } from './embedded-account.js';
import type { EmbeddedAccount } from './embedded-account.js';
import { locateBinaries } from './embedded-binaries.js';
import { hasNotEnded, runInitdb, shutDown, spawnProgram } from './embedded-program.js';
import { EmbeddedServerError } from './embedded-server.errors.js';
import { acquireInstanceLock, readLockHolder } from './instance-lock.js';
import type { InstanceLock } from './instance-lock.js';
import { endOrphan, readPostmaster } from './postmaster-file.js';

export { EmbeddedServerError } from './embedded-server.errors.js';

/*
 * Whoever tries Engawa should not have to install a database first, and whoever kills it should not have to repair one.
 * So without a DATABASE_URL we start a real PostgreSQL from the npm package, inside the data directory:
 *
 *   engawa.lock         who uses this directory; the kernel releases it (instance-lock.ts)
 *   postgres/           the cluster; it appears by a rename, so a first start that was cut off leaves nothing half made
 *   postgres.password   the owner's random password, mode 0600
 *   postgres.log        what the server says
 *
 * The server ends with this process (embedded-account.ts). Where it did not, the next start ends it, cleanly, before it
 * starts its own (postmaster-file.ts): the lock says that nobody needs it any more.
 */

const OWNER = 'engawa_owner';
const DATABASE = 'engawa';
const MAX_LOG_BYTES = 10 * 1024 * 1024;
/** Crash recovery of a large write-ahead log takes minutes; ending it would only start it anew. */
const START_PATIENCE_MS = 10 * 60_000;
const ATTACH_PATIENCE_MS = 30_000;

export interface EmbeddedServerOptions {
  /** Created (mode 0700) when it does not exist. One Engawa at a time uses it. */
  readonly data_dir: string;
  /** Server settings besides ours, as `postgres -c name=value`; tests give `fsync: 'off'`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Use the server of another living instance on this directory instead of refusing; without one, start our own. */
  readonly attach?: boolean;
}

/** A PostgreSQL that answers. */
export interface EmbeddedServer {
  /** Superuser URL on the loopback interface: `postgres://engawa_owner:<password>@127.0.0.1:<port>/engawa`. */
  readonly url: string;
  /** True when another instance owns the server; `stop` then leaves it running. */
  readonly isAttached: boolean;
  /** Fast shutdown (open transactions are rolled back), waited for. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL, creating its cluster on the first start. Call it from the main thread: where the kernel
 * ends the server with its parent, the parent is the calling thread.
 * @throws EmbeddedServerError when another instance uses the directory, or the machine does not let the server run
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const data_dir = resolve(options.data_dir);
  await prepareDataDir(data_dir);
  const lock_file = join(data_dir, 'engawa.lock');
  const until = Date.now() + ATTACH_PATIENCE_MS;
  for (;;) {
    const lock = await acquireInstanceLock(lock_file);
    if (lock) {
      try {
        return await startOwnServer(data_dir, options.settings ?? {}, lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    }
    if (!options.attach) {
      const holder = await readLockHolder(lock_file);
      throw new EmbeddedServerError(
        `Another Engawa${holder ? ` (process ${holder})` : ''} already uses the data directory ${data_dir}. ` +
          'Stop it first, give this one another ENGAWA_DATA_DIR, or let both share one PostgreSQL by DATABASE_URL.',
      );
    }
    const url = await liveUrl(data_dir);
    if (url) return { url, isAttached: true, stop: () => Promise.resolve() };
    if (Date.now() > until) {
      throw new EmbeddedServerError(
        `Another Engawa holds the data directory ${data_dir}, but its PostgreSQL does not answer. Look into ${join(data_dir, 'postgres.log')}.`,
      );
    }
    await delay(100);
  }
}

async function startOwnServer(
  data_dir: string,
  settings: Readonly<Record<string, string>>,
  lock: InstanceLock,
): Promise<EmbeddedServer> {
  const cluster_dir = join(data_dir, 'postgres');
  const owner = await stat(existsSync(cluster_dir) ? cluster_dir : data_dir);
  const account = chooseAccount(locateBinaries(data_dir), data_dir, owner);
  giveTo(account, join(data_dir, 'engawa.lock'));
  await endOrphan(cluster_dir);
  const password = await ensurePassword(data_dir, cluster_dir, account);
  await ensureCluster(data_dir, cluster_dir, account, settings);
  const { child, port } = await launch(data_dir, cluster_dir, account, settings, password);
  const url = urlOf(password, port);
  try {
    await ensureDatabase(password, port);
  } catch (error) {
    await shutDown(child);
    throw error;
  }
  const end = async () => {
    try {
      await shutDown(child);
    } finally {
      await lock.release();
    }
  };
  let ending: Promise<void> | undefined;
  return { url, isAttached: false, stop: () => (ending ??= end()) };
}

async function prepareDataDir(data_dir: string): Promise<void> {
  try {
    await mkdir(dirname(data_dir), { recursive: true });
    const isNew = await mkdir(data_dir, { mode: 0o700 }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    // A folder that someone prepared for us becomes private too; one that already holds other things keeps its mode.
    if (!isNew && (await readdir(data_dir)).length === 0) await chmod(data_dir, 0o700);
    const probe = await open(join(data_dir, 'engawa.lock'), 'a', 0o600);
    await probe.close();
  } catch (error) {
    throw new EmbeddedServerError(
      `The data directory ${data_dir} cannot be used (${(error as Error).message}). ` +
        'Set ENGAWA_DATA_DIR to a folder that this user may write, or set DATABASE_URL.',
      { cause: error },
    );
  }
}

/** The password is written before the cluster is made, so that a cluster never exists without it. */
async function ensurePassword(data_dir: string, cluster_dir: string, account: EmbeddedAccount): Promise<string> {
  const path = join(data_dir, 'postgres.password');
  const present = await readPassword(data_dir);
  if (present) {
    giveTo(account, path);
    return present;
  }
  if (existsSync(cluster_dir)) {
    throw new EmbeddedServerError(
      `${path} is missing, so nobody can log in to the database in ${cluster_dir}. Put the file back from a backup; ` +
        'or, if the data is not needed, move the whole data directory away.',
    );
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${path}.new`, `${password}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  giveTo(account, path);
  return password;
}

async function readPassword(data_dir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(data_dir, 'postgres.password'), 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  }
}

async function ensureCluster(
  data_dir: string,
  cluster_dir: string,
  account: EmbeddedAccount,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  for (const name of await readdir(data_dir)) {
    // Only a start that was cut off leaves these; its initdb may still be ending, hence the retries.
    if (name.startsWith('postgres.new-')) {
      await rm(join(data_dir, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  }
  if (existsSync(cluster_dir)) return refuseOtherVersion(cluster_dir, account);
  const unfinished = await mkdtemp(join(data_dir, 'postgres.new-'));
  giveTo(account, unfinished);
  const password_file = join(data_dir, 'postgres.password');
  const initdb = (...args: string[]) => runInitdb(account, ['-D', unfinished, ...args], data_dir);
  await initdb('-U', OWNER, `--pwfile=${password_file}`, '-A', 'scram-sha-256', '--locale=C.UTF-8', '-E', 'UTF8', '-N');
  // `-N` spares initdb a sync per step; one at the end is what keeps the data through a power cut soon after.
  if (settings['fsync'] !== 'off') await initdb('--sync-only');
  await rename(unfinished, cluster_dir);
}

async function refuseOtherVersion(cluster_dir: string, account: EmbeddedAccount): Promise<void> {
  const made_by = (await readFile(join(cluster_dir, 'PG_VERSION'), 'utf8')).trim();
  const installed = account.binaries.version.split('.')[0];
  if (made_by === installed) return;
  throw new EmbeddedServerError(
    `The database in ${cluster_dir} was made by PostgreSQL ${made_by}; this Engawa brings PostgreSQL ${installed}. ` +
      'Dump it with the older Engawa and restore it into a new data directory, or set DATABASE_URL.',
  );
}

async function launch(
  data_dir: string,
  cluster_dir: string,
  account: EmbeddedAccount,
  settings: Readonly<Record<string, string>>,
  password: string,
): Promise<{ child: ChildProcess; port: number }> {
  const log_file = join(data_dir, 'postgres.log');
  const log_bytes = await stat(log_file).then(
    ({ size }) => size,
    () => 0,
  );
  if (log_bytes > MAX_LOG_BYTES) await truncate(log_file);
  let said = '';
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const port = await freePort();
    const flags = Object.entries({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '200',
      shared_buffers: '256MB',
      jit: 'off',
      timezone: 'UTC',
      ...settings,
      port: String(port),
    }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = await open(log_file, 'a', 0o600);
    const log_start = (await log.stat()).size;
    const child = spawnProgram(account, account.binaries.postgres, ['-D', cluster_dir, ...flags], data_dir, log.fd);
    await log.close();
    giveTo(account, log_file);
    if (await answers(child, cluster_dir, password)) {
      child.unref();
      return { child, port };
    }
    said = (await readFile(log_file)).subarray(log_start).toString('utf8');
    // Both pass: a port taken by someone else in between, and the last backends of a server that was killed.
    if (/Address already in use/.test(said)) continue;
    if (!/shared memory block .* still in use/.test(said)) break;
    await delay(250);
  }
  throw new EmbeddedServerError(
    `The embedded PostgreSQL did not start. ${log_file} ends with:\n${said.trim().split('\n').slice(-8).join('\n')}`,
  );
}

/** Waits until the server lets us in; false when it ended instead, or never became ready. */
async function answers(child: ChildProcess, cluster_dir: string, password: string): Promise<boolean> {
  const until = Date.now() + START_PATIENCE_MS;
  while (hasNotEnded(child) && Date.now() < until) {
    const postmaster = await readPostmaster(cluster_dir);
    // The id tells our server from a stranger on the same port: all that stands before it replaces itself by exec.
    if (postmaster?.pid === child.pid && postmaster?.is_ready) {
      try {
        await knock(urlOf(password, postmaster.port, 'postgres'));
        return true;
      } catch (error) {
        await shutDown(child);
        throw new EmbeddedServerError(
          `The embedded PostgreSQL runs but lets nobody in (${(error as Error).message}). ` +
            'If postgres.password was changed, put back the file that belongs to this data directory.',
          { cause: error },
        );
      }
    }
    await delay(10);
  }
  await shutDown(child);
  return false;
}

async function knock(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  await client.end();
}

async function ensureDatabase(password: string, port: number): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(password, port, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE} owner ${OWNER}`);
  } finally {
    await client.end();
  }
}

/** The URL of the server that runs on this directory, when it answers and has our database. */
async function liveUrl(data_dir: string): Promise<string | undefined> {
  const postmaster = await readPostmaster(join(data_dir, 'postgres'));
  const password = await readPassword(data_dir);
  if (!postmaster || !password || !(postmaster.port > 0)) return undefined;
  const url = urlOf(password, postmaster.port);
  return knock(url).then(
    () => url,
    () => undefined,
  );
}

function giveTo(account: EmbeddedAccount, path: string): void {
  if (account.runs_as) chownSync(path, account.runs_as.uid, account.runs_as.gid);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function urlOf(password: string, port: number, database = DATABASE): string {
  return `postgres://${OWNER}:${password}@127.0.0.1:${port}/${database}`;
}
