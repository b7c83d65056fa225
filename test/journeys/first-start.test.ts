import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcesses, type ServerProcess, spawnProduct, startServer } from '../support/server-process.js';
import { until } from '../support/until.js';

/** The path of the journey has spaces in it, like many a home directory. */
let home: string;
let data_dir: string;
let key: string;

const start = (): Promise<ServerProcess> => startServer({ ENGAWA_DATA_DIR: data_dir });
const keyIn = (text: string): string | undefined => /^\s*(egw_[a-z0-9]{8}_[\w-]{43})$/m.exec(text)?.[1];

/** Everything that runs with its working directory below the data directory, as a PostgreSQL does. */
function databaseProcesses(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`).startsWith(data_dir);
      } catch {
        return false;
      }
    });
}

beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'engawa first start ')));
  data_dir = join(home, 'data of mine');
});

afterAll(async () => {
  await endProcesses();
  await until('PostgreSQL has ended', () => databaseProcesses().length === 0);
  await rm(home, { recursive: true, force: true });
});

/** One story on one data directory: each step begins where the one before ended. */
describe('an installation without any setting', () => {
  it('prints an owner key at its first start, and the key opens the API', async () => {
    const server = await start();
    key = keyIn(server.stdout()) ?? '';
    expect(key).not.toBe('');
    expect(server.stderr()).not.toContain(key);
    const made = await server.as(key).post('contacts', { first_name: 'Ada', email: 'ada@example.com' });
    expect(made.status).toBe(201);
    expect((await server.as('').get('contacts')).status).toBe(401);
    const ready = await server.as('').get('/ready');
    expect(ready).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect(readFileSync(join(data_dir, 'postgres.log'), 'utf8')).not.toContain(key);
  }, 90_000);

  it('tells a second instance on the same data directory what to do, and goes on', async () => {
    const second = spawnProduct('server', { PORT: '0', ENGAWA_DATA_DIR: data_dir });
    const { code } = await second.ended;
    expect(code).toBe(1);
    expect(second.stderr()).toMatch(/Another Engawa \(process \d+\) already uses the data directory/);
    expect(second.stderr()).toContain('DATABASE_URL');
    expect(second.stderr()).not.toMatch(/^\s+at /m);
    expect(second.stdout()).toBe('');
    expect(databaseProcesses().length).toBeGreaterThan(0);
  });

  it('ends at SIGTERM with exit code 0 within 10 s and leaves no PostgreSQL, though a stream is open', async () => {
    await endProcesses();
    const server = await start();
    const stream = await fetch(`${server.url}/api/v1/events/stream`, { headers: { authorization: `Bearer ${key}` } });
    expect(stream.status).toBe(200);
    const text = stream.text();
    const { code, took_ms } = await server.end('SIGTERM');
    expect(code).toBe(0);
    expect(took_ms).toBeLessThan(10_000);
    expect(databaseProcesses()).toEqual([]);
    expect(await text).toContain('retry:');
  });

  it('keeps its data over a restart, is ready again in under 10 s, and prints no key', async () => {
    const began_ms = performance.now();
    const server = await start();
    expect(performance.now() - began_ms).toBeLessThan(10_000);
    expect(keyIn(server.stdout())).toBeUndefined();
    const { body } = await server.as(key).get('contacts');
    expect(body.items).toMatchObject([{ first_name: 'Ada', email: 'ada@example.com' }]);
    const { code } = await server.end('SIGTERM');
    expect(code).toBe(0);
  });

  it('starts after kill -9 with everything that was answered', async () => {
    const server = await start();
    const made = await server.as(key).post('contacts', { first_name: 'Grace', email: 'grace@example.com' });
    expect(made.status).toBe(201);
    await server.end('SIGKILL');
    const again = await start();
    const found = await again.as(key).get(`contacts/${made.body.id}`);
    expect(found).toMatchObject({ status: 200, body: { email: 'grace@example.com' } });
    await again.end('SIGTERM');
  });
});

it('a start with wrong settings is refused with every mistake listed, and touches nothing', async () => {
  const file = join(home, 'missing');
  const refused = spawnProduct('server', {
    ENGAWA_DATA_DIR: join(home, 'untouched'),
    PORT: 'seventy',
    NODE_ENV: 'staging',
    PUBLIC_URL: 'example.com',
    ENGAWA_SECRET_KEY: 'short',
    ENGAWA_BOOTSTRAP_KEY_FILE: file,
    ENGAWA_PORT: '80',
  });
  const { code } = await refused.ended;
  expect(code).toBe(1);
  const lines = refused
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('  - '));
  expect(lines).toHaveLength(6);
  for (const name of [
    'PORT',
    'NODE_ENV',
    'PUBLIC_URL',
    'ENGAWA_SECRET_KEY',
    'ENGAWA_BOOTSTRAP_KEY_FILE',
    'ENGAWA_PORT',
  ])
    expect(lines.filter((line) => line.startsWith(`  - ${name} `) || line.startsWith(`  - ${name}:`))).toHaveLength(1);
  expect(refused.stderr()).not.toContain('short');
  expect(refused.stderr()).not.toMatch(/^\s+at /m);
  expect(readdirSync(home)).not.toContain('untouched');
});

it.each([
  ['nothing listens there', 'postgres://nobody:secret-word@127.0.0.1:1/none', /ECONNREFUSED|reach|connect/i],
  ['it is no URL', 'not a url', /DATABASE_URL|URL/],
])('a DATABASE_URL where %s ends the start with a message that keeps the password', async (_, url, message) => {
  const refused = spawnProduct('server', { ENGAWA_DATA_DIR: join(home, 'unused'), DATABASE_URL: url, PORT: '0' });
  const { code } = await refused.ended;
  expect(code).toBe(1);
  expect(refused.stderr()).toMatch(/^Engawa did not start\./);
  expect(refused.stderr()).toMatch(message);
  expect(refused.stderr()).not.toContain('secret-word');
});

it('a port that is taken ends the start with the port named, and no PostgreSQL stays behind', async () => {
  const holder = await startServer({ ENGAWA_DATA_DIR: join(home, 'holder') });
  const { port } = new URL(holder.url);
  const second = spawnProduct('server', { ENGAWA_DATA_DIR: data_dir, PORT: port });
  const { code } = await second.ended;
  expect(code).toBe(1);
  expect(second.stderr()).toContain(port);
  expect(databaseProcesses()).toEqual([]);
  await holder.end('SIGTERM');
}, 60_000);

it('reads a setting from a file where X_FILE names one', async () => {
  const file = join(home, 'preset key');
  const preset = `egw_fromfile_${'f'.repeat(43)}`;
  await writeFile(file, `${preset}\n`);
  const server = await startServer({ ENGAWA_DATA_DIR: join(home, 'preset'), ENGAWA_BOOTSTRAP_KEY_FILE: file });
  expect(server.stdout()).not.toContain(preset);
  expect((await server.as(preset).get('contacts')).status).toBe(200);
  await server.end('SIGTERM');
}, 60_000);
