import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Pool } from 'pg';
import { loadConfig } from '../config/load-config.js';
import { AppModule } from '../src/app.module.js';
import { Context } from '../src/platform/context/context.js';
import { systemPrincipal } from '../src/platform/context/principal.js';
import { Database } from '../src/platform/database/database.js';
import { Events } from '../src/platform/events/events.js';
import { Relay } from '../src/platform/events/relay.js';
import { Workers } from '../src/platform/jobs/workers.js';
import { WebhooksService } from '../src/modules/webhooks/webhooks.service.js';
import type { Figure } from './figures.js';
import type { Stage } from './stage.js';

/** Jobs under way in the process: an exchange is mostly waiting, so more than the default of a process that does all. */
const CONCURRENCY = 128;

/** Deliveries of about 1 KiB to a receiver in a process of its own; the servers must be stopped. */
export async function measureWebhooks(stage: Stage): Promise<Figure[]> {
  const config = loadConfig({
    LOG_LEVEL: 'error',
    ENGAWA_JOBS_CONCURRENCY: String(CONCURRENCY),
    ENGAWA_OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    ENGAWA_OUTBOUND_ALLOW_HTTP: 'true',
  });
  @Module({ imports: [AppModule.for(config, stage.database.urls, stage.secret_key)] })
  class WebhooksBench {}
  const app = await NestFactory.createApplicationContext(WebhooksBench, { logger: ['error'], abortOnError: false });
  try {
    return await measureDeliveries(app, stage.engawa.owner);
  } finally {
    await app.close();
  }
}

async function measureDeliveries(app: INestApplicationContext, owner: Pool): Promise<Figure[]> {
  const [endpoints, count] = [4, 10_000];
  const workspace_id = crypto.randomUUID();
  await owner.query('insert into workspaces (id, name, slug) values ($1, $2, $3)', [
    workspace_id,
    'Webhooks',
    `w-${workspace_id}`,
  ]);
  const receiver = fork(new URL('./webhooks-receiver.js', import.meta.url));
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
