import { spawnSync } from 'node:child_process';
import { link, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { SYSTEM_ENVIRONMENT } from './embedded-account.js';
import { startTimeOf } from './postmaster-file.js';

/*
 * Two Engawa instances on one data directory would each think the embedded server theirs. A file that says "taken" is
 * not enough: kill -9 leaves it behind. The kernel forgets nothing, though: an flock(2) belongs to the open file, which
 * Node keeps open and which closes with the process, however it ends. Node cannot call flock itself, but the lock sits on
 * the open file description, so the flock(1) command can take it on a descriptor that it inherits from us and then exit.
 * Where that command is missing, files with the holder's process id and start time stand in.
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
  return outcome === 'held' ? undefined : acquireHolderFile(path);
}

/** The process id that the present holder wrote down, for messages only. */
export async function readLockHolder(path: string): Promise<number | undefined> {
  return ((await readHolder(path)) ?? (await readHolder(`${path}.${await latestGeneration(path)}`)))?.pid;
}

function flock(file: FileHandle): 'taken' | 'held' | 'unsupported' {
  const { status } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
    env: SYSTEM_ENVIRONMENT,
  });
  if (status === 0) return 'taken';
  return status === 1 ? 'held' : 'unsupported';
}

/**
 * The lock without flock(1): numbered files, of which the highest tells who holds it and is believed only while that
 * process lives. Taking over means making the next number, which `link` does for one process only; the highest file is
 * never deleted, merely marked as released, so a number is not given twice. (To delete a stale file and make it anew
 * would be a race: whoever is late deletes the file of the new holder.)
 */
export async function acquireHolderFile(path: string): Promise<InstanceLock | undefined> {
  const draft = `${path}.${randomUUID()}`;
  const holder = { pid: process.pid, started_at: startTimeOf(process.pid) };
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (;;) {
      const present = await latestGeneration(path);
      const last = await readHolder(`${path}.${present}`);
      if (last?.started_at && startTimeOf(last.pid) === last.started_at) return undefined;
      const mine = `${path}.${present + 1}`;
      if (!(await linked(draft, mine))) continue;
      const isLatest = (await latestGeneration(path)) === present + 1;
      await rm(isLatest ? `${path}.${present}` : mine, { force: true });
      if (isLatest) return { release: () => writeFile(mine, '{}') };
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function latestGeneration(path: string): Promise<number> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  const generations = names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
  return Math.max(0, ...generations);
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
