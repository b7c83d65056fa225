import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireHolderFile, acquireInstanceLock, readLockHolder } from '../../src/platform/database/instance-lock.js';
import { startTimeOf } from '../../src/platform/database/postmaster-file.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engawa lock '));
  path = join(folder, 'engawa.lock');
});
afterEach(() => rm(folder, { recursive: true }));

describe.each([
  ['the kernel lock', acquireInstanceLock],
  ['the holder file', acquireHolderFile],
])('%s', (_, acquire) => {
  test('has one holder, who is named, until it is released', async () => {
    const lock = await acquire(path);
    expect(lock).toBeDefined();
    expect(await acquire(path)).toBeUndefined();
    expect(await readLockHolder(path)).toBe(process.pid);
    await lock?.release();
    const next = await acquire(path);
    expect(next).toBeDefined();
    await next?.release();
  });

  test('of ten who ask at once one gets it', async () => {
    const locks = await Promise.all(Array.from({ length: 10 }, () => acquire(path)));
    const taken = locks.filter((lock) => lock !== undefined);
    expect(taken).toHaveLength(1);
    await taken[0]?.release();
  });
});

test.each([
  ['a process that ended', { pid: 2 ** 22 - 3, started_at: '1' }],
  ['a process whose id was given to another', { pid: process.pid, started_at: 'earlier' }],
])('a holder file of %s is taken over by one of ten', async (_, holder) => {
  await writeFile(`${path}.7`, JSON.stringify(holder));
  const locks = await Promise.all(Array.from({ length: 10 }, () => acquireHolderFile(path)));
  expect(locks.filter((lock) => lock !== undefined)).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['engawa.lock.8']);
});

test('a lock that changes hands many times never has two holders', async () => {
  let holders = 0;
  let turns = 0;
  const contend = async () => {
    while (turns < 40) {
      const lock = await acquireHolderFile(path);
      if (!lock) continue;
      holders += 1;
      expect(holders).toBe(1);
      await readdir(folder);
      holders -= 1;
      turns += 1;
      await lock.release();
    }
  };
  await Promise.all(Array.from({ length: 8 }, contend));
  expect(await readdir(folder)).toHaveLength(1);
});

test('a process is known by its start time while it lives', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  expect(startTimeOf(pid)).toBeDefined();
  expect(startTimeOf(pid)).toBe(startTimeOf(pid));
  child.stdin.end();
  await once(child, 'exit');
  expect(startTimeOf(pid)).toBeUndefined();
});
