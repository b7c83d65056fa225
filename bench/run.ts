import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { LoadProcess } from './children.js';
import { type Figure, isMet, renderFigures } from './figures.js';
import { measureIngest } from './ingest.js';
import { measureQueue } from './queue.js';
import { measureRequests } from './requests.js';
import { Stage } from './stage.js';
import { measureStream } from './stream.js';
import { measureWebhooks } from './webhooks.js';

/*
 * Requests per second say more about the machine than about the program. So every figure that can be one is a ratio:
 * Engawa and its peers run in turns, minutes apart at most, on the same Node, the same PostgreSQL and the same load, and
 * the limits are set on the ratio. What the machine does otherwise meanwhile hits both.
 *
 *   npm run bench -- [--only create,get,list,stream,ingest,jobs,webhooks,jobs-at-scale] [--seconds 3] [--profile <folder>]
 *
 * Prints a table and, after a whole run, writes bench/results.md. The exit code is 1 when a limit is missed.
 */

const MEASUREMENTS = ['create', 'get', 'list', 'stream', 'ingest', 'jobs', 'webhooks', 'jobs-at-scale'] as const;
type Measurement = (typeof MEASUREMENTS)[number];

/** Left out unless it is named: it takes a minute or more. */
const ON_DEMAND: ReadonlySet<Measurement> = new Set(['jobs-at-scale']);
const RESULTS = 'bench/results.md';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: MEASUREMENTS.filter((name) => !ON_DEMAND.has(name)).join() },
    seconds: { type: 'string', default: '3' },
    profile: { type: 'string' },
  },
});
const chosen = options.only.split(',') as Measurement[];
const unknown = chosen.filter((name) => !MEASUREMENTS.includes(name));
const seconds = Number(options.seconds);
if (unknown.length > 0 || !(seconds > 0)) {
  throw new Error(`--only takes some of ${MEASUREMENTS.join()}, --seconds a number above 0`);
}

const began = performance.now();
const stage = await Stage.set(options.profile ?? null);
const figures: Figure[] = [];
try {
  // In the order of MEASUREMENTS: ingest empties the tables, and jobs need the processor for themselves.
  const load = new LoadProcess();
  for (const name of MEASUREMENTS) {
    if (!chosen.includes(name)) continue;
    process.stderr.write(`${name} ...\n`);
    figures.push(...(await measure(name, load)));
  }
  await load.stop();
} finally {
  await stage.strike();
}
const report = `${head()}\n\n${renderFigures(figures)}\n`;
process.stdout.write(report);
if (options.only === MEASUREMENTS.filter((name) => !ON_DEMAND.has(name)).join()) {
  writeFileSync(RESULTS, `# Results of \`npm run bench\`\n\n${report}`);
}
process.exitCode = figures.every(isMet) ? 0 : 1;

async function measure(name: Measurement, load: LoadProcess): Promise<Figure[]> {
  switch (name) {
    case 'create':
    case 'get':
    case 'list':
      return measureRequests(stage, load, name, seconds);
    case 'stream':
      return measureStream(stage);
    case 'ingest':
      return measureIngest(stage);
    case 'webhooks':
      await stage.stopServers();
      return measureWebhooks(stage);
    case 'jobs':
    case 'jobs-at-scale':
      await stage.stopServers();
      return measureQueue(stage, name === 'jobs-at-scale');
  }
}

function head(): string {
  const [cpu] = cpus();
  return [
    `- Machine: ${availableParallelism()} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB; server, PostgreSQL and load share them`,
    `- Node ${process.version}, PostgreSQL ${stage.postgres_version}, ${new Date().toISOString().slice(0, 10)}, ${Math.round((performance.now() - began) / 1_000)} s in all`,
    '- Ratios are Engawa to peer in the same run, medians of rounds in turns; p99 and CPU of the server process stand behind them',
  ].join('\n');
}
