/**
 * A process of the built product that does nothing but jobs: `node jobs-worker.mjs JSON`, for tests that kill it.
 * Prints `ready`, then a line for every handler that begins. SIGTERM ends it as the server would end.
 */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppConfig } from '../../dist/config/app-config.js';
import { AppModule } from '../../dist/src/app.module.js';
import { Database } from '../../dist/src/platform/database/database.js';
import { Handles } from '../../dist/src/platform/jobs/handles.decorator.js';
import { Workers } from '../../dist/src/platform/jobs/workers.js';
import { WorkerSettings } from '../../dist/src/platform/jobs/worker-settings.js';
import { TEST_SECRET_KEY } from './secret-key.mjs';

const { urls, settings, skew_ms = 0 } = JSON.parse(process.argv[2]);
if (skew_ms !== 0) {
  const now = Date.now.bind(Date);
  Date.now = () => now() + skew_ms;
}

class Handlers {
  constructor(db) {
    this.db = db;
  }

  /** Waits, then writes one row. */
  async effect(job) {
    process.stdout.write(`begin ${job.id}\n`);
    if (job.payload.ms) await delay(job.payload.ms, undefined, { signal: job.payload.heeds ? job.signal : undefined });
    await job.complete(async () => {
      await this.db.execute('insert into effects (n, pid) values ($1, $2)', [job.payload.n, process.pid]);
    });
  }

  /** Records when it was at work, by the clock of the database. */
  async interval(job) {
    const [row] = await this.db.transaction(() => this.db.query('select clock_timestamp()::text as began'));
    await delay(job.payload.ms);
    await job.complete(async () => {
      await this.db.execute('insert into intervals (key, began, ended) values ($1, $2, clock_timestamp())', [
        job.key,
        row.began,
      ]);
    });
  }

  async crash() {
    process.kill(process.pid, 'SIGKILL');
    await delay(10_000);
  }

  async fail(job) {
    process.stdout.write(`begin ${job.id}\n`);
    throw new Error('broken');
  }
}

const handles = { effect: {}, interval: { per_lane: 8 }, crash: { max_attempts: 2 }, fail: {} };
for (const [name, options] of Object.entries(handles)) {
  Handles(`test.${name}`, options)(Handlers.prototype, name, Object.getOwnPropertyDescriptor(Handlers.prototype, name));
}

class Bench {}
Module({
  providers: [
    { provide: WorkerSettings, useValue: Object.assign(new WorkerSettings(), settings) },
    { provide: 'handlers', useFactory: (db) => new Handlers(db), inject: [Database] },
  ],
  exports: [WorkerSettings],
})(Bench);

class App {}
Module({ imports: [{ module: Bench, global: true }, AppModule.for(new AppConfig(), urls, TEST_SECRET_KEY)] })(App);

const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
app.get(Workers).start();
process.once('SIGTERM', () => {
  app.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
process.stdout.write('ready\n');
