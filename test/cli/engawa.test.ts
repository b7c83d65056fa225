import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, TEST_SECRET_KEY } from '../support/database.js';
import {
  type Environment,
  type Installation,
  newInstallation,
  OWNER_KEY,
  type ProductProcess,
  type ServerProcess,
  spawnProduct,
} from '../support/server-process.js';
import { until } from '../support/until.js';

let installation: Installation;
let server: ServerProcess;
let folder: string;
let file: string;

beforeAll(async () => {
  installation = await newInstallation();
  server = await installation.start();
  folder = await mkdtemp(join(tmpdir(), 'engawa cli '));
  file = join(folder, 'my contacts.csv');
  await writeFile(
    file,
    'First Name,Last Name,Email\nAda,Lovelace,ada@example.com\nGrace,Hopper,grace@example.com\nA,B,c,d\n',
  );
}, 90_000);

afterAll(async () => {
  await installation.remove();
  await rm(folder, { recursive: true });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function outcomeOf(started: ProductProcess): Promise<Outcome> {
  const { code } = await started.ended;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

/** Runs `engawa` as the owner. */
const engawa = (...parameters: string[]): Promise<Outcome> => engawaAs({ ENGAWA_KEY: OWNER_KEY }, ...parameters);

const engawaAs = (environment: Environment, ...parameters: string[]): Promise<Outcome> =>
  outcomeOf(spawnProduct('cli', { ENGAWA_URL: server.url, ...environment }, parameters));

it('ingests a file and tells what became of it, with the line of each bad row', async () => {
  const { code, stdout, stderr } = await engawa('ingest', file);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Run [0-9a-f-]{36} completed$/m);
  expect(stdout).toMatch(/^3 +2 +0 +0 +0 +1$/m);
  expect(stdout).toMatch(/row 3 \(line 4\): .+/);
});

it('answers in JSON where asked: one document on standard output, and nothing else', async () => {
  const { code, stdout, stderr } = await engawa('--json', 'ingest', file, '--again');
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', created: 0, unchanged: 2, errors: 1 });
});

it('does a dry run without writing, and says so', async () => {
  const other = join(folder, 'other.csv');
  await writeFile(other, 'First Name,Email\nAlan,alan@example.com\n');
  const { code, stdout } = await engawa('ingest', other, '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Dry run [0-9a-f-]{36} completed$/m);
  expect(await installation.count('contacts')).toBe(2);
});

it('searches', async () => {
  const found = await engawa('search', 'lovelace');
  expect([found.code, found.stderr]).toEqual([0, '']);
  expect(found.stdout).toMatch(/^contact +[0-9a-f-]{36} +Ada Lovelace +ada@example\.com$/m);
  const json = await engawa('--json', 'search', 'grace');
  expect(JSON.parse(json.stdout)).toMatchObject({ contacts: [{ email: 'grace@example.com' }], companies: [] });
  expect((await engawa('search', 'nobody-of-that-name')).stdout).toBe('Nothing found.\n');
});

it('shows the log, newest first, and each event as a line of JSON where asked', async () => {
  const { code, stdout } = await engawa('events', '--types', 'contact.created');
  expect(code).toBe(0);
  expect(stdout.trim().split('\n')).toHaveLength(2);
  expect(stdout).toMatch(/^\d{4}-.+Z {2}contact\.created +contact\/[0-9a-f-]{36} {2}First owner key$/m);
  const lines = (await engawa('--json', 'events', '--limit', '3')).stdout.trim().split('\n');
  expect(lines.map((line) => typeof JSON.parse(line).type)).toEqual(['string', 'string', 'string']);
});

it('follows the log: an event shows as it happens, also after the server came back', async () => {
  const follower = spawnProduct('cli', { ENGAWA_URL: server.url, ENGAWA_KEY: OWNER_KEY }, [
    '--json',
    'events',
    '--follow',
    '--types',
    'contact.*',
  ]);
  const create = (email: string) => server.as(OWNER_KEY).post('contacts', { email });
  const lines = (): string[] => follower.stdout().split('\n').filter(Boolean);
  // The stream stands some time after the command began; from then on nothing is missed.
  let n = 0;
  await until(
    'the first event shows',
    async () => {
      await create(`follow-${++n}@example.com`);
      return lines().length > 0;
    },
    { every_ms: 200 },
  );
  const { body } = await create('followed@example.com');
  await until('the event shows', () => lines().some((line) => JSON.parse(line).subject === `contact/${body.id}`));
  await server.end('SIGKILL');
  server = await installation.start({ PORT: new URL(server.url).port });
  const later = await create('later@example.com');
  await until('the event shows', () => lines().some((line) => JSON.parse(line).subject === `contact/${later.body.id}`));
  expect(new Set(lines().map((line) => JSON.parse(line).id)).size).toBe(lines().length);
  const { signal } = await follower.end('SIGTERM');
  expect(signal).toBe('SIGTERM');
});

it('creates, lists and revokes keys; a revoked key is refused', async () => {
  const made = await engawa('--json', 'key', 'create', 'for a script', '--role', 'viewer');
  expect(made.code).toBe(0);
  const { id, key } = JSON.parse(made.stdout) as { id: string; key: string };
  expect(key).toMatch(/^egw_[a-z0-9]{8}_[\w-]{43}$/);
  expect((await engawaAs({ ENGAWA_KEY: key }, 'search', 'ada')).code).toBe(0);
  const refused = await engawaAs({ ENGAWA_KEY: key }, 'key', 'create', 'more');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/\w{3}/);
  const list = await engawa('key', 'list');
  expect(list.stdout).toMatch(new RegExp(`^${id} +for a script +\\w{8} +viewer .*active$`, 'm'));
  expect(list.stdout).not.toContain(key);
  expect(await engawa('key', 'revoke', id)).toEqual({ code: 0, stdout: `${id} is revoked.\n`, stderr: '' });
  expect((await engawaAs({ ENGAWA_KEY: key }, 'search', 'ada')).code).toBe(2);
  expect((await engawa('key', 'list')).stdout).toMatch(new RegExp(`^${id} .*revoked$`, 'm'));
});

describe('says what to do', () => {
  const oneLine = /^[^\n]+\n$/;

  it('without a key', async () => {
    const { code, stderr, stdout } = await outcomeOf(spawnProduct('cli', {}, ['search', 'ada']));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain('ENGAWA_KEY');
  });

  it('with a key that nobody has', async () => {
    const { code, stderr } = await engawaAs({ ENGAWA_KEY: `egw_unknown1_${'x'.repeat(43)}` }, 'search', 'ada');
    expect(code).toBe(2);
    expect(stderr).toMatch(oneLine);
  });

  it.each([
    ['http://127.0.0.1:9', /cannot be reached.+engawa start/],
    ['127.0.0.1:3000', /is no URL|cannot be reached/],
    ['not a url', /is no URL/],
  ])('with the server at %s', async (url, message) => {
    const { code, stderr, stdout } = await engawaAs({ ENGAWA_KEY: OWNER_KEY, ENGAWA_URL: url }, 'search', 'ada');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toMatch(message);
  });

  it('with a file that is not there', async () => {
    const { code, stderr } = await engawa('ingest', join(folder, 'missing.csv'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^.+missing\.csv cannot be read\.\n$/);
  });

  it('with a problem, which --json shows whole', async () => {
    const { code, stdout, stderr } = await engawa('--json', 'search', 'ada', '--limit', '0');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ status: 422, errors: [{ pointer: '?limit' }] });
    expect(stderr).toMatch(oneLine);
  });

  it('with a command that does not exist', async () => {
    const { code, stderr } = await engawa('serach', 'ada');
    expect(code).toBe(1);
    expect(stderr).toContain('search');
  });
});

describe('migrate', () => {
  it('says that nothing is to do on a migrated database, starts no server, and needs no key', async () => {
    const database = await createTestDatabase();
    const environment = {
      DATABASE_URL: database.owner_url,
      ENGAWA_SECRET_KEY: TEST_SECRET_KEY,
      ENGAWA_DATA_DIR: folder,
    };
    const again = await outcomeOf(spawnProduct('cli', environment, ['migrate']));
    expect(again).toEqual({ code: 0, stdout: 'The schema is up to date.\n', stderr: '' });
    await database.drop();
  });

  it('brings an empty database up to date, once, though two run it at the same time', async () => {
    const database = await createTestDatabase('template0');
    const environment = {
      DATABASE_URL: database.owner_url,
      ENGAWA_SECRET_KEY: TEST_SECRET_KEY,
      ENGAWA_DATA_DIR: folder,
    };
    const both = await Promise.all([
      outcomeOf(spawnProduct('cli', environment, ['--json', 'migrate'])),
      outcomeOf(spawnProduct('cli', environment, ['--json', 'migrate'])),
    ]);
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const migrated = both.map(({ stdout }) => (JSON.parse(stdout) as { migrated: string[] }).migrated);
    expect(migrated.filter(({ length }) => length > 0)).toHaveLength(1);
    await database.drop();
  });

  it('tells in a sentence when the database is not there', async () => {
    const url = 'postgres://owner:secret-word@127.0.0.1:9/none';
    const { code, stderr } = await outcomeOf(
      spawnProduct('cli', { DATABASE_URL: url, ENGAWA_DATA_DIR: folder }, ['migrate']),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The database cannot be used: .+ Check DATABASE_URL.+\n$/);
    expect(stderr).not.toContain('secret-word');
  });
});
