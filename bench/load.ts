import autocannon from 'autocannon';
import { contactBody } from './contact-rows.js';

/** What the load process is told. */
export interface LoadPlan {
  readonly url: string;
  readonly key: string;
  readonly operation: Operation;
  readonly seconds: number;
  readonly ids: readonly string[];
  /** Makes the addresses of this plan differ from those of others. */
  readonly label: string;
}

export type Operation = 'create' | 'get' | 'list';

/** What it answers. */
export interface LoadResult {
  readonly requests_per_second: number;
  readonly requests: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

const CONNECTIONS = 32;

/** A process of its own, so that making load and measuring does not slow what starts the servers. */
process.on('message', (plan: LoadPlan) => {
  run(plan).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function run({ url, key, operation, seconds, ids, label }: LoadPlan): Promise<LoadResult> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const path = '/api/v1/contacts';
  let made = 0;
  const requests = {
    create: {
      method: 'POST',
      path,
      headers,
      setupRequest: (request: object) => ({ ...request, body: JSON.stringify(contactBody(made++, label)) }),
    },
    get: {
      method: 'GET',
      headers,
      setupRequest: (request: object) => ({
        ...request,
        path: `${path}/${ids[Math.floor(Math.random() * ids.length)]}`,
      }),
    },
    list: { method: 'GET', path: `${path}?limit=50`, headers },
  } as const;
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    requests: [requests[operation]],
  });
  if (result.non2xx + result.errors + result.timeouts > 0 || result['2xx'] === 0) {
    throw new Error(
      `${operation} at ${url}: ${result['2xx']} answers, ${result.non2xx} refused, ${result.errors} errors, ${result.timeouts} timeouts`,
    );
  }
  const { p50, p99 } = result.latency;
  return { requests_per_second: result['2xx'] / result.duration, requests: result['2xx'], p50_ms: p50, p99_ms: p99 };
}
