import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderTable } from './figures.js';

/*
 * Where a ratio is missed, one wants to know what the time goes to: `npm run bench -- --only get --profile <folder>` lets
 * Engawa leave a CPU profile, and `node dist/bench/profile.js <folder>` sums up its self time by package, by file of ours
 * and by function.
 */

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly children?: readonly number[];
    readonly callFrame: CallFrame;
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const SHOWN = 20;
const WAITING = new Set(['(idle)', '(root)']);

const [folder = '.'] = process.argv.slice(2);
for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const stackOf = (id: number): CallFrame[] => {
    const stack: CallFrame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame) stack.push(frame);
    }
    return stack;
  };
  // What comes before is the start of the process.
  const first = samples.findIndex((id) => stackOf(id).some(({ functionName }) => functionName === 'parserOnIncoming'));
  const byPlace = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    const time = timeDeltas[index] ?? 0;
    if (!frame || index < first || WAITING.has(frame.functionName)) return;
    busy += time;
    const stack = stackOf(id);
    const place = placeOf(stack);
    const name =
      frame.url === '' ? place : `${frame.functionName || '(anonymous)'} ${fileOf(frame.url)}:${frame.lineNumber + 1}`;
    byPlace.set(place, (byPlace.get(place) ?? 0) + time);
    byFunction.set(name, (byFunction.get(name) ?? 0) + time);
  });
  process.stdout.write(`${file}: ${Math.round(busy / 1_000)} ms busy\n`);
  for (const [title, times] of [
    ['package or room', byPlace],
    ['function', byFunction],
  ] as const) {
    const rows = [...times].toSorted(([, a], [, b]) => b - a).slice(0, SHOWN);
    const shares = rows.map(([name, time]) => [name, `${((time / busy) * 100).toFixed(1)} %`]);
    process.stdout.write(`${renderTable([title, 'self time'], shares)}\n\n`);
  }
}

/** A package, a file of ours, or what V8 does by itself. Native functions and Node's own count for whoever calls them. */
function placeOf(stack: readonly CallFrame[]): string {
  const [leaf] = stack;
  if (!leaf || leaf.functionName.startsWith('(')) return leaf?.functionName ?? '';
  const owner = stack.find(({ url }) => url !== '' && !url.startsWith('node:'));
  if (owner === leaf) return ownerName(leaf.url);
  const caller = owner ? ownerName(owner.url) : "Node's own";
  return leaf.url === '' ? `${leaf.functionName} for ${caller}` : `node for ${caller}`;
}

function ownerName(url: string): string {
  const npm = url.split('/node_modules/').at(-1);
  if (!url.includes('/node_modules/') || !npm) return fileOf(url);
  return npm
    .split('/')
    .slice(0, npm.startsWith('@') ? 2 : 1)
    .join('/');
}

function fileOf(url: string): string {
  return url.replace(/^.*\/(node_modules|dist)\//, '');
}
