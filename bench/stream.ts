import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type Figure, percentile } from './figures.js';
import type { Stage } from './stage.js';

/** From the answer of a change to its arrival: events-and-streams.md, "Figures to reach"; the first issue asks for 50. */
const MOST_IDLE_MS = 20;

const CHANGES = 200;
const PAUSE_MS = 20;

/**
 * How long a change takes to reach an open stream of an idle system. The commit lies between sending the change and its
 * answer, so the time from sending is an upper bound that is shown as well.
 */
export async function measureStream(stage: Stage): Promise<Figure[]> {
  const { engawa, key, ids } = stage;
  const api = `${engawa.server.url}/api/v1`;
  const headers = { authorization: `Bearer ${key.text}`, 'content-type': 'application/json' };
  const ending = new AbortController();
  const stream = await fetch(`${api}/events/stream?types=contact.updated`, { headers, signal: ending.signal });
  if (!stream.ok || !stream.body) throw new Error(`the stream was answered ${stream.status}`);
  const arrivals = new Arrivals();
  const reading = arrivals.read(Readable.fromWeb(stream.body as Parameters<typeof Readable.fromWeb>[0]));
  await arrivals.of('connected');
  const afterAnswer: number[] = [];
  const afterSending: number[] = [];
  for (let n = 0; n < CHANGES; n++) {
    const title = `change ${n}`;
    const sent = performance.now();
    const body = JSON.stringify({ title });
    const answer = await fetch(`${api}/contacts/${ids[n]}`, { method: 'PATCH', headers, body });
    await answer.arrayBuffer();
    const answered = performance.now();
    if (!answer.ok) throw new Error(`the change was answered ${answer.status}`);
    const arrived = await arrivals.of(title);
    afterAnswer.push(Math.max(0, arrived - answered));
    afterSending.push(arrived - sent);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  ending.abort();
  await reading;
  const spread = (values: readonly number[]) =>
    [0.5, 0.95, 0.99].map((share) => percentile(values, share).toFixed(1)).join(' / ');
  return [
    {
      what: 'answer of a change to its arrival over SSE, idle, p95',
      value: percentile(afterAnswer, 0.95),
      unit: 'ms',
      most: MOST_IDLE_MS,
      detail: `p50 / p95 / p99: ${spread(afterAnswer)} ms`,
    },
    {
      what: 'sending of a change to its arrival over SSE, idle, p95',
      value: percentile(afterSending, 0.95),
      unit: 'ms',
      detail: `p50 / p95 / p99: ${spread(afterSending)} ms`,
    },
  ];
}

/** When each expected event came. */
class Arrivals {
  private readonly came = new Map<string, number>();
  private waiting: { name: string; resolve: (at: number) => void } | null = null;

  async of(name: string): Promise<number> {
    return this.came.get(name) ?? new Promise((resolve) => (this.waiting = { name, resolve }));
  }

  /** Ends quietly when the stream is aborted. */
  async read(stream: Readable): Promise<void> {
    try {
      for await (const line of createInterface({ input: stream })) this.see(line);
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error;
    }
  }

  private see(line: string): void {
    const name = line === 'event: connected' ? 'connected' : /"title":"(change \d+)"/.exec(line)?.[1];
    if (name === undefined) return;
    const at = performance.now();
    this.came.set(name, at);
    if (this.waiting?.name === name) this.waiting.resolve(at);
  }
}
