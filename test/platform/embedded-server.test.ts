import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { EmbeddedServerError, startEmbeddedServer } from '../../src/platform/database/embedded-server.js';
import type { EmbeddedServer, EmbeddedServerOptions } from '../../src/platform/database/embedded-server.js';

const RUNNER = fileURLToPath(new URL('./embedded-server.runner.mjs', import.meta.url));
const settings = { shared_buffers: '16MB' };

let base: string;
let data_dir: string;
let servers: EmbeddedServer[];
let children: ChildProcess[];

/** What `start` finds where a test is not about the first start: a directory that was used and stopped. */
let used_dir: string;

beforeAll(async () => {
  used_dir = await mkdtemp(join(tmpdir(), 'engawa used '));
  await (await startEmbeddedServer({ data_dir: used_dir, settings: { ...settings, fsync: 'off' } })).stop();
});

afterAll(() => rm(used_dir, { recursive: true }));

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'engawa test '));
  data_dir = join(base, 'a directory', 'of data');
  servers = [];
  children = [];
});

async function useAgain(): Promise<void> {
  await mkdir(dirname(data_dir), { recursive: true });
  await promisify(execFile)('cp', ['-a', used_dir, data_dir]);
}

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(servers.map((server) => server.stop()));
  await until(async () => (await processesIn(base)).length === 0);
  await rm(base, { recursive: true });
});

async function start(options: Partial<EmbeddedServerOptions> = {}): Promise<EmbeddedServer> {
  const server = await startEmbeddedServer({ data_dir, settings: { ...settings, fsync: 'off' }, ...options });
  servers.push(server);
  return server;
}

/** A process that runs the server, and the first line it says. */
function startChild(): { child: ChildProcess; said: Promise<{ url?: string; error?: string }> } {
  const child = spawn(process.execPath, ['--no-warnings', RUNNER, data_dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const said = once(createInterface(child.stdout), 'line').then(
    ([line]) => JSON.parse(String(line)) as { url?: string; error?: string },
  );
  return { child, said };
}

async function startedChild(): Promise<{ child: ChildProcess; url: string }> {
  const { child, said } = startChild();
  const { url, error } = await said;
  if (url === undefined) throw new Error(error);
  return { child, url };
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5);
}

/** Every process whose working directory lies below a folder, as a server's does. */
async function processesIn(folder: string): Promise<number[]> {
  const real = await realpath(folder);
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`).startsWith(real);
      } catch {
        return false;
      }
    });
}

const postmasterPid = async () =>
  Number.parseInt(await readFile(join(data_dir, 'postgres/postmaster.pid'), 'utf8'), 10);
const mode = async (path: string) => (await stat(path)).mode & 0o777;
const keep = (url: string) => query(url, 'create table kept as select 42 as answer');
const kept = async (url: string) => (await query(url, 'select answer from kept'))[0]?.['answer'];

test('the first start makes a UTF-8 database that the owner can use', async () => {
  const { url, isAttached } = await start();
  expect(isAttached).toBe(false);
  expect(url).toMatch(/^postgres:\/\/engawa_owner:[\w-]{32}@127\.0\.0\.1:\d+\/engawa$/);
  const [row] = await query(
    url,
    `select current_user::text as role, rolsuper, pg_get_userbyid(datdba) as owner, datcollate, pg_encoding_to_char(encoding) as encoding,
       current_setting('fsync') as fsync, current_setting('max_connections') as max_connections, current_setting('jit') as jit
     from pg_database, pg_roles where datname = current_database() and rolname = current_user`,
  );
  expect(row).toEqual({
    role: 'engawa_owner',
    rolsuper: true,
    owner: 'engawa_owner',
    datcollate: 'C.UTF-8',
    encoding: 'UTF8',
    fsync: 'off',
    max_connections: '200',
    jit: 'off',
  });
});

test('nobody else can read the directory, the password or the log, and the log does not hold the password', async () => {
  const { url } = await start();
  expect(await mode(data_dir)).toBe(0o700);
  expect(await mode(join(data_dir, 'postgres'))).toBe(0o700);
  for (const file of ['postgres.password', 'postgres.log', 'engawa.lock']) {
    expect(await mode(join(data_dir, file))).toBe(0o600);
  }
  expect(await readFile(join(data_dir, 'postgres.log'), 'utf8')).not.toContain(new URL(url).password);
  const command_line = await readFile(`/proc/${await postmasterPid()}/cmdline`, 'utf8');
  expect(command_line).not.toContain(new URL(url).password);
});

test('a wrong password is refused', async () => {
  await useAgain();
  const { url } = await start();
  const wrong = new URL(url);
  wrong.password = 'guessed';
  await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
});

test('the second start keeps data and password', async () => {
  const first = await start();
  await keep(first.url);
  await first.stop();
  const second = await start();
  expect(await kept(second.url)).toBe(42);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
});

test('stop leaves no process, and may be called twice', async () => {
  await useAgain();
  const server = await start();
  expect((await processesIn(data_dir)).length).toBeGreaterThan(1);
  await Promise.all([server.stop(), server.stop()]);
  expect(await processesIn(data_dir)).toEqual([]);
});

test('stop does not wait for open transactions', async () => {
  await useAgain();
  const server = await start();
  const client = new pg.Client(server.url);
  const cutOff = new Promise<void>((resolve) => client.once('end', resolve));
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin; create table unfinished ()');
  await server.stop();
  await cutOff;
});

test('a second instance on the same directory is refused and told what to do, from this process and from another', async () => {
  await useAgain();
  const first = await start();
  const refusal = start();
  await expect(refusal).rejects.toBeInstanceOf(EmbeddedServerError);
  await expect(refusal).rejects.toThrow(`Another Engawa (process ${process.pid}) already uses the data directory`);
  expect((await startChild().said).error).toMatch(/^EmbeddedServerError: Another Engawa .* DATABASE_URL/);
  expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('of several that start at once on a new directory one wins', async () => {
  const outcomes = await Promise.allSettled([start(), start(), start()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
});

test('an instance that asks to attach shares the living server and leaves it running', async () => {
  await useAgain();
  const first = await start();
  await keep(first.url);
  const second = await start({ attach: true });
  expect(second.isAttached).toBe(true);
  expect(await kept(second.url)).toBe(42);
  await second.stop();
  expect(await kept(first.url)).toBe(42);
});

test('an instance that asks to attach waits for a first start that is under way', async () => {
  const [first, second] = await Promise.all([start({ attach: true }), start({ attach: true })]);
  expect(first.isAttached).toBe(!second.isAttached);
  expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a process ends by itself once its server is stopped', async () => {
  await useAgain();
  const { child } = await startedChild();
  child.stdin?.write('\n');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(await processesIn(data_dir)).toEqual([]);
});

test('after kill -9 of the process its server ends, and the next start has the data', async () => {
  const { child, url } = await startedChild();
  await keep(url);
  child.kill('SIGKILL');
  await until(async () => (await processesIn(data_dir)).length === 0);
  expect(await kept((await start()).url)).toBe(42);
});

test('the next start does not have to wait for the end of a killed process', async () => {
  await useAgain();
  const { child, url } = await startedChild();
  await keep(url);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await kept((await start()).url)).toBe(42);
});

test('a server that outlives its process is ended cleanly by the next start', async () => {
  await useAgain();
  const { child, url } = await startedChild();
  await keep(url);
  const orphan = await postmasterPid();
  process.kill(orphan, 'SIGSTOP');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const starting = start();
  process.kill(orphan, 'SIGCONT');
  const server = await starting;
  expect(await postmasterPid()).not.toBe(orphan);
  expect(await kept(server.url)).toBe(42);
});

test('after kill -9 of process and server together the next start recovers', async () => {
  await useAgain();
  const { child, url } = await startedChild();
  await keep(url);
  const postmaster = await postmasterPid();
  child.kill('SIGKILL');
  process.kill(postmaster, 'SIGKILL');
  await once(child, 'exit');
  expect(await kept((await start()).url)).toBe(42);
});

test.each([
  ['a dead process', () => Promise.resolve(2 ** 22 - 3)],
  ['a living process that is no server', () => Promise.resolve(process.pid)],
  ['nobody, for it was cut off while it was written', () => Promise.resolve(Number.NaN)],
])('a postmaster.pid of %s does not stand in the way', async (_, pid) => {
  await useAgain();
  const first = await start();
  await keep(first.url);
  const pid_file = join(data_dir, 'postgres/postmaster.pid');
  const written = await readFile(pid_file, 'utf8');
  await first.stop();
  await writeFile(pid_file, Number.isNaN(await pid()) ? '' : written.replace(/^\d+/, String(await pid())));
  expect(await kept((await start()).url)).toBe(42);
});

test('a first start that was killed halfway leaves nothing behind', async () => {
  const { child } = startChild();
  const unfinished = async () =>
    existsSync(data_dir) && (await readdir(data_dir)).find((name) => name.includes('.new-'));
  await until(async () => {
    const name = await unfinished();
    return name !== undefined && name !== false && existsSync(join(data_dir, name, 'PG_VERSION'));
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(existsSync(join(data_dir, 'postgres'))).toBe(false);
  const server = await start();
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(await unfinished()).toBeUndefined();
});

test('the log starts anew once it is over 10 MiB', async () => {
  await useAgain();
  const log = await open(join(data_dir, 'postgres.log'), 'r+');
  await log.truncate(10 * 1024 * 1024 + 1);
  await log.close();
  await start();
  expect((await stat(join(data_dir, 'postgres.log'))).size).toBeLessThan(10_000);
});

test('a lost password file is named, and so is a wrong one', async () => {
  await useAgain();
  const file = join(data_dir, 'postgres.password');
  await writeFile(file, 'guessed\n');
  await expect(start()).rejects.toThrow('put back the file');
  await rm(file);
  await expect(start()).rejects.toThrow('postgres.password is missing');
  expect(await processesIn(data_dir)).toEqual([]);
});

test('a cluster of another PostgreSQL version is refused before it is touched', async () => {
  await useAgain();
  await writeFile(join(data_dir, 'postgres/PG_VERSION'), '17\n');
  await expect(start()).rejects.toThrow(/made by PostgreSQL 17; this Engawa brings PostgreSQL \d+/);
});

test('a setting that the server does not know is shown with what the server said', async () => {
  await useAgain();
  await expect(start({ settings: { no_such_setting: 'x' } })).rejects.toThrow(/no_such_setting/);
  await start();
});

test('a data directory that cannot be one is refused with what to set', async () => {
  const file = join(base, 'file');
  await writeFile(file, '');
  await expect(start({ data_dir: file })).rejects.toThrow(/cannot be used .* ENGAWA_DATA_DIR/);
});
