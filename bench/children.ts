import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LoadPlan, LoadResult } from './load.js';

/** A server process that said where it listens. */
export interface ServerProcess {
  readonly url: string;
  /** CPU time so far, in microseconds; 0 where the system does not tell. */
  cpu_us(): number;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Compiled file, relative to dist/bench. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Takes standard error. */
  readonly log_file: string;
  readonly node_options?: readonly string[];
}

/** Starts a server on the Node that runs this, and waits for its line "... is ready at <url>". */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { script, args = [], env, log_file, node_options = [] } = options;
  const child = spawn(process.execPath, [...node_options, compiled(script), ...args], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', openSync(log_file, 'a')],
  });
  const url = await Promise.race([readyUrl(child), once(child, 'exit').then(() => undefined)]);
  if (url === undefined) throw new Error(`${script} did not start:\n${readFileSync(log_file, 'utf8').slice(-2_000)}`);
  child.once('exit', (code, signal) => {
    if (!child.killed)
      process.stderr.write(
        `${script} ended by itself: ${signal ?? code}; see its last lines:\n${readFileSync(log_file, 'utf8').slice(-2_000)}\n`,
      );
  });
  return { url, cpu_us: () => cpuOf(child.pid), stop: () => end(child) };
}

/** The process that makes the load. */
export class LoadProcess {
  private readonly child = fork(compiled('load.js'));

  async run(plan: LoadPlan): Promise<LoadResult> {
    this.child.send(plan);
    const [answer] = (await once(this.child, 'message')) as [{ result?: LoadResult; error?: string }];
    if (!answer.result) throw new Error(answer.error ?? 'the load process gave no answer');
    return answer.result;
  }

  stop(): Promise<void> {
    return end(this.child);
  }
}

function compiled(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}

async function readyUrl(child: ChildProcess): Promise<string | undefined> {
  if (!child.stdout) return undefined;
  return new Promise((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const url = / is ready at (\S+)/.exec(line)?.[1];
      if (url) resolve(url);
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** User and system time of a process in ticks of 10 ms, from proc_pid_stat(5). */
function cpuOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return 0;
  }
}
