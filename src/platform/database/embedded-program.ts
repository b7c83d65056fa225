import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { commandLine, SYSTEM_ENVIRONMENT } from './embedded-account.js';
import type { EmbeddedAccount } from './embedded-account.js';
import { EmbeddedServerError } from './embedded-server.errors.js';

const STOP_PATIENCE_MS = 60_000;

/** A fast shutdown, waited for; after a minute without effect an immediate one, which the next start recovers from. */
export async function shutDown(child: ChildProcess): Promise<void> {
  if (!hasNotEnded(child)) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  const patience = new AbortController();
  const impatient = delay(STOP_PATIENCE_MS, undefined, { signal: patience.signal }).then(
    () => child.kill('SIGQUIT'),
    () => undefined,
  );
  await ended;
  patience.abort();
  await impatient;
}

export function hasNotEnded(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Runs initdb to its end; what it says on the way goes into the error only. */
export async function runInitdb(account: EmbeddedAccount, args: readonly string[], cwd: string): Promise<void> {
  const child = spawnProgram(account, account.binaries.initdb, args, cwd, 'pipe');
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  throw new EmbeddedServerError(
    `The embedded database could not be created (initdb ended with ${signal ?? code}):\n${said.trim()}`,
  );
}

/**
 * Starts a program of PostgreSQL's, bound to end with this process.
 * `detached`: Ctrl-C in a terminal reaches the whole process group, and we decide when the server stops.
 */
export function spawnProgram(
  account: EmbeddedAccount,
  program: string,
  args: readonly string[],
  cwd: string,
  output: 'pipe' | number,
): ChildProcess {
  const [command, ...rest] = commandLine(account, program, args);
  const child = spawn(command, rest, {
    cwd,
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...SYSTEM_ENVIRONMENT, ...account.binaries.env },
    ...account.runs_as,
  });
  child.on('error', () => undefined);
  if (!account.ends_with_parent) watchOver(child);
  return child;
}

/** A shell that reads from a pipe of ours: the pipe ends with us, and then the shell ends the server. */
function watchOver(child: ChildProcess): void {
  const watcher = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$1"', 'engawa-watcher', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: SYSTEM_ENVIRONMENT,
  });
  watcher.on('error', () => undefined);
  watcher.unref();
  // Node types the pipe as a stream; it is a socket, which must not keep this process alive.
  (watcher.stdin as unknown as { unref(): void }).unref();
  child.once('exit', () => watcher.kill('SIGKILL'));
}
