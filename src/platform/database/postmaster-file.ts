import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedServerError } from './embedded-server.errors.js';
import { SYSTEM_ENVIRONMENT } from './embedded-account.js';

/** What a running server writes into `postmaster.pid` (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_*). */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Recovery is over and connections are let in. */
  readonly is_ready: boolean;
}

export async function readPostmaster(cluster_dir: string): Promise<Postmaster | undefined> {
  let lines: string[];
  try {
    lines = (await readFile(join(cluster_dir, 'postmaster.pid'), 'utf8')).split('\n');
  } catch {
    return undefined;
  }
  // A single-user backend writes its process id negated.
  return {
    pid: Math.abs(Number.parseInt(lines[0] ?? '', 10)),
    port: Number.parseInt(lines[3] ?? '', 10),
    is_ready: lines[7]?.trim() === 'ready',
  };
}

/**
 * Ends a server that outlived its Engawa, and removes a `postmaster.pid` whose process id has since been given to a
 * stranger (PostgreSQL would refuse to start over it). A file of a dead process stays: PostgreSQL removes it itself,
 * after it has made sure that no backend still uses the shared memory.
 */
export async function endOrphan(cluster_dir: string): Promise<void> {
  const orphan = await readPostmaster(cluster_dir);
  if (!orphan) return;
  if (!(orphan.pid > 0)) return rm(join(cluster_dir, 'postmaster.pid'), { force: true });
  if (!isAlive(orphan.pid)) return;
  if (!(await isPostmasterOf(orphan.pid, cluster_dir))) {
    return rm(join(cluster_dir, 'postmaster.pid'), { force: true });
  }
  for (const [signal, patience_ms] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
  ] as const) {
    sendSignal(orphan.pid, signal);
    const until = Date.now() + patience_ms;
    while (Date.now() < until) {
      if (!isAlive(orphan.pid) || !(await isPostmasterOf(orphan.pid, cluster_dir))) return;
      await delay(20);
    }
  }
  throw new EmbeddedServerError(
    `A PostgreSQL (process ${orphan.pid}) still runs on ${cluster_dir} and does not stop. End it, then start again.`,
  );
}

/** When a process started, in a unit that only serves to tell it from a later one with the same id; undefined when there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    // Field 22 of proc_pid_stat(5), counted behind the command name, which may itself hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'lstart='], {
      encoding: 'utf8',
      env: SYSTEM_ENVIRONMENT,
    });
    return stdout?.trim() || undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new EmbeddedServerError(
      `A PostgreSQL of another user (process ${pid}) runs on this data directory. Start Engawa as that user, or choose another ENGAWA_DATA_DIR.`,
      { cause: error },
    );
  }
}

/** A postmaster's working directory is its data directory; elsewhere than on Linux the command line has to do. */
async function isPostmasterOf(pid: number, cluster_dir: string): Promise<boolean> {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === (await realpath(cluster_dir));
  } catch {
    const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'args='], {
      encoding: 'utf8',
      env: SYSTEM_ENVIRONMENT,
    });
    return stdout?.includes(`-D ${cluster_dir}`) ?? false;
  }
}
