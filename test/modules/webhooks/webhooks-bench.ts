import { Relay } from '../../../src/platform/events/relay.js';
import { Workers } from '../../../src/platform/jobs/workers.js';
import { type Caller, type Json, startTestApp, type TestApp } from '../../support/app.js';
import { Receiver } from './receiver.js';

/** The product with a receiver. Nothing is delivered unless a test lets it. */
export interface WebhooksBench {
  readonly app: TestApp;
  readonly owner: Caller;
  readonly receiver: Receiver;
  /** Registers a webhook of the receiver. */
  register(settings?: object): Promise<Json>;
  createContact(fields?: object): Promise<Json>;
  /** Lets the log be read and every delivery be tried that is due; with `all` also those of later. */
  deliver(options?: { readonly all?: boolean }): Promise<void>;
  /** Only reads the log. */
  fanOut(): Promise<void>;
  deliveries(webhook: Json, query?: string): Promise<Json[]>;
  attempts(delivery: Json): Promise<Json[]>;
  sql(text: string, values?: readonly unknown[]): Promise<Json[]>;
  eventTypes(prefix: string): Promise<string[]>;
  /** Ends and forgets all webhooks and what waits. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

type Settings = Parameters<typeof startTestApp>[0];

export async function startBench(settings: Settings = {}): Promise<WebhooksBench> {
  const receiver = await Receiver.start();
  const app = await startTestApp({
    http: { role: 'api' },
    outbound: { allow_cidrs: ['127.0.0.0/8'], allow_http: true },
    ...settings,
  });
  const { owner } = app.workspace;
  const relay = app.app.nest.get(Relay);
  const workers = app.app.nest.get(Workers);
  await relay.drain();
  const made = async (path: string, body: object): Promise<Json> => {
    const answer = await owner.post(path, body);
    if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const sql = async (text: string, values: readonly unknown[] = []): Promise<Json[]> =>
    (await app.database.owner.query(text, values as unknown[])).rows;
  return {
    app,
    owner,
    receiver,
    sql,
    register: (more = {}) =>
      made('webhooks', { name: 'Receiver', url: receiver.url, event_types: ['contact.*'], ...more }),
    createContact: (fields = {}) => made('contacts', { first_name: 'Ada', ...fields }),
    fanOut: () => relay.drain(),
    deliver: async ({ all = false } = {}) => {
      await relay.drain();
      await workers.drain({ all });
    },
    deliveries: async ({ id }, query = '') => (await owner.get(`webhooks/${id}/deliveries${query}`)).body.items,
    attempts: async ({ id, webhook_id }) =>
      (await owner.get(`webhooks/${webhook_id}/deliveries/${id}/attempts`)).body.items,
    eventTypes: async (prefix) =>
      (await sql('select type from events where type like $1 order by seq', [`${prefix}%`])).map(({ type }) => type),
    reset: async () => {
      receiver.reset();
      await relay.drain();
      await sql('delete from jobs');
      await sql('delete from webhooks');
      await sql(`delete from webhook_flights`);
    },
    close: async () => {
      await app.close();
      await receiver.stop();
    },
  };
}
