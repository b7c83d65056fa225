import { Global, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../../src/app.module.js';
import { Scheduled } from '../../../src/platform/scheduling/scheduled.decorator.js';
import { Scheduling } from '../../../src/platform/scheduling/scheduling.js';
import { testConfig } from '../../support/app.js';
import { createTestDatabase, TEST_SECRET_KEY, type TestDatabase } from '../../support/database.js';
import { until } from '../../support/until.js';

@Injectable()
class Chores {
  runs = 0;
  underWay = 0;
  most = 0;
  failure: Error | undefined;

  @Scheduled({ name: 'test.sweep', every_ms: 40 })
  async sweep(): Promise<void> {
    Chores.together++;
    this.most = Math.max(this.most, Chores.together);
    await new Promise((resolve) => setTimeout(resolve, 10));
    Chores.together--;
    this.runs++;
    if (this.failure) throw this.failure;
  }

  static together = 0;
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function instance() {
  @Global()
  @Module({ providers: [Chores], exports: [Chores] })
  class Bench {}
  @Module({ imports: [Bench, AppModule.for(testConfig(), database.urls, TEST_SECRET_KEY)] })
  class App {}
  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  return { app, chores: app.get(Chores), scheduling: app.get(Scheduling) };
}

it('runs housekeeping in one instance at a time, and goes on after a failure', async () => {
  const [one, two] = await Promise.all([instance(), instance()]);
  try {
    one.chores.failure = new Error('broken broom');
    for (const { scheduling } of [one, two]) scheduling.start();
    await until('some runs', () => one.chores.runs + two.chores.runs >= 8);
    expect(Math.max(one.chores.most, two.chores.most)).toBe(1);
    await one.app.close();
    const before = two.chores.runs;
    await until('the other takes over', () => two.chores.runs >= before + 3);
  } finally {
    await two.app.close();
  }
});

it('makes up a run of an instance that died in the middle, once its lease is over', async () => {
  const { app, chores, scheduling } = await instance();
  try {
    await database.owner.query(
      `update scheduled_runs set run_at = now() - interval '1 hour', leased_until = now() + interval '1 second', leased_by = gen_random_uuid() where name = 'test.sweep'`,
    );
    scheduling.start();
    await until('the lease is over and it runs', () => chores.runs > 0);
    const { rows } = await database.owner.query<{ is_over: boolean }>(
      `select run_at > now() - interval '1 minute' as is_over from scheduled_runs where name = 'test.sweep'`,
    );
    expect(rows).toEqual([{ is_over: true }]);
  } finally {
    await app.close();
  }
});

it('runs everything on demand and tells what failed', async () => {
  const { app, chores, scheduling } = await instance();
  try {
    expect(scheduling.names).toContain('jobs.expire-parked');
    await scheduling.runAll();
    expect(chores.runs).toBe(1);
    chores.failure = new Error('broken broom');
    await expect(scheduling.runAll()).rejects.toThrow('housekeeping failed');
  } finally {
    await app.close();
  }
});
