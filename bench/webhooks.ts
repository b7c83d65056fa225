import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { INestApplicationContext } from '@nestjs/common';
import type { Pool } from 'pg';
import { Context } from '../src/platform/context/context.js';
import { systemPrincipal } from '../src/platform/context/principal.js';
import { Database } from '../src/platform/database/database.js';
import { Events } from '../src/platform/events/events.js';
import { Relay } from '../src/platform/events/relay.js';
import { Workers } from '../src/platform/jobs/workers.js';
import { WebhooksService } from '../src/modules/webhooks/webhooks.service.js';

/** One measured figure and what it should reach. */
export interface WebhooksFigure {
  readonly what: string;
  readonly value: number;
  readonly unit: 'deliveries/s' | 'ms';
  readonly least?: number;
  readonly most?: number;
}

/**
 * Measures deliveries of about 1 KiB to a receiver in a process of its own. The application is wired, does not serve, has
 * no worker and no relay running, and may call 127.0.0.1 over http; `workspace_id` has no webhook.
 */
export async function measureWebhooks(
  app: INestApplicationContext,
  owner: Pool,
  workspace_id: string,
  { endpoints = 4, count = 10_000 } = {},
): Promise<WebhooksFigure[]> {
  const receiver = fork(new URL('./webhooks-receiver.mjs', import.meta.url), { execArgv: [] });
  const [{ port }] = (await once(receiver, 'message')) as [{ port: number }];
  const inWorkspace = <T>(work: () => Promise<T>): Promise<T> => {
    const principal = { ...systemPrincipal(workspace_id), permissions: new Set(['contacts:read'] as const) };
    return app.get(Context).runAs(principal, { via: 'system' }, work);
  };
  try {
    await app.get(Relay).drain();
    for (let n = 0; n < endpoints; n++) {
      const url = `http://127.0.0.1:${port}/${n}`;
      await inWorkspace(() =>
        app.get(WebhooksService).create({
          name: `Bench ${n}`,
          url,
          event_types: ['contact.created'],
          payload_form: 'full',
          retry: 'short',
          timeout_ms: 15_000,
          max_in_flight: 32,
        }),
      );
    }
    const data = { text: 'x'.repeat(600) };
    const events = Math.ceil(count / endpoints);
    for (let from = 0; from < events; from += 500) {
      await inWorkspace(() =>
        app.get(Database).transaction(() => {
          const some = Array.from({ length: Math.min(500, events - from) }, () => ({
            subject_id: crypto.randomUUID(),
            data,
          }));
          app.get(Events).publishMany('contact.created', some);
          return Promise.resolve();
        }),
      );
    }
    const fan_out_ms = await timed(() => app.get(Relay).drain());
    await owner.query('analyze webhook_deliveries; analyze jobs');
    const workers = app.get(Workers);
    const send_ms = await timed(async () => {
      workers.start();
      await reached(async () => (await pending(owner)) === 0);
    });
    await workers.stop();
    const rate = (ms: number): number => Math.round((events * endpoints * 1_000) / ms);
    return [
      { what: 'fan-out to deliveries with their jobs', value: rate(fan_out_ms), unit: 'deliveries/s' },
      { what: 'recorded deliveries of 1 KiB', value: rate(send_ms), unit: 'deliveries/s', least: 1_500 },
    ];
  } finally {
    receiver.disconnect();
  }
}

async function pending(owner: Pool): Promise<number> {
  const { rows } = await owner.query<{ count: string }>(
    `select count(*) from webhook_deliveries where status = 'pending'`,
  );
  return Number(rows[0]?.count);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function reached(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}
