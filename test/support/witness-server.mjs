/**
 * The built server with witnesses: a consumer, a job and a schedule that leave a row in the table `witnesses` for each
 * thing they do, so that a test can count. `node witness-server.mjs`, with the settings of the server in the environment;
 * the table must exist.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { loadConfig } from '../../dist/config/load-config.js';
import { Bootstrap } from '../../dist/src/modules/workspaces/index.js';
import { Database } from '../../dist/src/platform/database/database.js';
import { prepareDatabase } from '../../dist/src/platform/database/prepare-database.js';
import { SystemDatabase } from '../../dist/src/platform/database/system-database.js';
import { Consumes } from '../../dist/src/platform/events/consumes.decorator.js';
import { Handles } from '../../dist/src/platform/jobs/handles.decorator.js';
import { Jobs } from '../../dist/src/platform/jobs/jobs.js';
import { Scheduled } from '../../dist/src/platform/scheduling/scheduled.decorator.js';
import { startApp } from '../../dist/src/start-app.js';

class Witnesses {
  constructor(db, system, jobs) {
    Object.assign(this, { db, system, jobs });
  }

  /** Every contact that comes is noted, and a job for it is made, in the transaction of the consumer. */
  async consume(events) {
    const subjects = events.map(({ subject }) => subject);
    await this.db.execute(`insert into witnesses (what, subject, pid) select 'consumed', unnest($1::text[]), $2::int`, [
      subjects,
      process.pid,
    ]);
    await this.jobs.enqueueMany(
      'test.witness',
      subjects.map((subject) => ({ payload: { subject } })),
    );
  }

  async work(job) {
    await job.complete(async () => {
      await this.db.execute(`insert into witnesses (what, subject, pid) values ('worked', $1, $2)`, [
        job.payload.subject,
        process.pid,
      ]);
    });
  }

  async tick() {
    await this.system.execute(`insert into witnesses (what, subject, pid) values ('ticked', '', $1)`, [process.pid]);
  }
}

const decorate = (name, decorator) =>
  decorator(Witnesses.prototype, name, Object.getOwnPropertyDescriptor(Witnesses.prototype, name));
decorate('consume', Consumes({ name: 'test.witness', types: ['contact.created'], from: 'start' }));
decorate('work', Handles('test.witness'));
decorate('tick', Scheduled({ name: 'test.tick', every_ms: 500 }));

class WitnessModule {}
Module({
  providers: [
    {
      provide: 'witnesses',
      useFactory: (db, system, jobs) => new Witnesses(db, system, jobs),
      inject: [Database, SystemDatabase, Jobs],
    },
  ],
})(WitnessModule);

const config = loadConfig();
const database = await prepareDatabase(config.database, config.database.secret_key);
const app = await startApp(config, database.urls, config.database.secret_key, { more: [WitnessModule] });
await app.nest.get(Bootstrap).run(config.database.bootstrap_key);
process.once('SIGTERM', () => {
  app.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
process.stdout.write(`Engawa is ready at ${app.url}\n`);
