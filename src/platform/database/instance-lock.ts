import { spawnSync } from 'node:child_process';
import { link, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { EmbeddedServerError } from './embedded-server.errors.js';
import { SYSTEM_ENVIRONMENT } from './embedded-account.js';
import { processStartedAt } from './postmaster-file.js';

/*
 * Two Engawa instances on one data directory would each think the embedded server theirs. A file that says "taken" is
 * not enough: kill -9 leaves it behind. The kernel forgets nothing, though: an flock(2) belongs to the open file, which
 * Node keeps open and which closes with the process, however it ends. Node cannot call flock itself, but the lock sits on
 * the open file description, so the flock(1) command can take it on a descriptor that it inherits from us and then exit.
 * Where that command is missing, a file with the holder's process id and start time stands in.
 */

/** Held until `release`, or until this process ends in whatever way. */
export interface InstanceLock {
  release(): Promise<void>;
}

/** Takes the lock without waiting; undefined when a living process holds it. */
export async function acquireInstanceLock(path: string): Promise<InstanceLock | undefined> {
  const file = await open(path, 'a+', 0o600);
  const outcome = flock(file);
  if (outcome === 'taken') {
    await file.truncate(0);
    await file.write(JSON.stringify({ pid: process.pid }));
    return { release: () => file.close() };
  }
  await file.close();
  return outcome === 'held' ? undefined : acquireHolderFile(`${path}.holder`);
}

/** The process id that the present holder wrote down, for messages only. */
export async function readLockHolder(path: string): Promise<number | undefined> {
  return (await readHolder(path))?.pid ?? (await readHolder(`${path}.holder`))?.pid;
}

function flock(file: FileHandle): 'taken' | 'held' | 'unsupported' {
  const { status } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
    env: SYSTEM_ENVIRONMENT,
  });
  if (status === 0) return 'taken';
  return status === 1 ? 'held' : 'unsupported';
}

/** The lock without flock(1): a file that appears whole (`link` is atomic) and is believed only while its holder lives. */
export async function acquireHolderFile(path: string): Promise<InstanceLock | undefined> {
  const mine = `${path}.${randomUUID()}`;
  const holder = { pid: process.pid, started_at: processStartedAt(process.pid) };
  await writeFile(mine, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      if (await linked(mine, path)) return { release: () => rm(path, { force: true }) };
      const present = await readHolder(path);
      if (present && processStartedAt(present.pid) === present.started_at) return undefined;
      // Whoever moves the stale file away first wins the right to do so; a file that changed meanwhile is put back.
      const aside = `${path}.${randomUUID()}`;
      try {
        await rename(path, aside);
      } catch {
        continue;
      }
      const moved = await readHolder(aside);
      if (moved && processStartedAt(moved.pid) === moved.started_at) await linked(aside, path);
      await rm(aside, { force: true });
    }
    throw new EmbeddedServerError(`The lock ${path} could not be taken. Remove this file if no Engawa is running.`);
  } finally {
    await rm(mine, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<{ pid: number; started_at?: string } | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as { pid?: unknown; started_at?: unknown };
    if (typeof holder.pid !== 'number') return undefined;
    return typeof holder.started_at === 'string'
      ? { pid: holder.pid, started_at: holder.started_at }
      : { pid: holder.pid };
  } catch {
    return undefined;
  }
}
