import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WorkerSettings } from '../../src/platform/jobs/worker-settings.js';
import type { TestDatabase } from './database.js';

/** A worker process of the test, real enough to be killed. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Ids of the jobs whose handlers have begun here. */
  readonly begun: string[];
  /** Sends a signal and resolves with how the process ended. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<{ code: number | null; signal: string | null; took_ms: number }>;
}

const running = new Set<ChildProcess>();

/** Starts a worker on the built product; resolves once it claims. */
export async function startWorker(
  database: TestDatabase,
  settings: Partial<WorkerSettings> = {},
  options: { readonly skew_ms?: number } = {},
): Promise<WorkerProcess> {
  const script = fileURLToPath(new URL('jobs-worker.mjs', import.meta.url));
  const argument = JSON.stringify({ urls: database.urls, settings, ...options });
  const child = spawn('node', [script, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const begun: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => line.startsWith('begin ') && begun.push(line.slice(6)));
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => line === 'ready' && resolve());
    child.once('exit', (code) => reject(new Error(`the worker ended before it was ready (${code})`)));
  });
  return {
    child,
    begun,
    end: async (signal) => {
      const began_ms = performance.now();
      const ended = child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit');
      child.kill(signal);
      await ended;
      return { code: child.exitCode, signal: child.signalCode, took_ms: performance.now() - began_ms };
    },
  };
}

/** Kills what a test has left running. */
export async function endWorkers(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const ended = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    }),
  );
}
