import { Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../../src/app.module.js';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Database } from '../../../src/platform/database/database.js';
import { Jobs } from '../../../src/platform/jobs/jobs.js';
import { Workers } from '../../../src/platform/jobs/workers.js';
import { WorkerSettings } from '../../../src/platform/jobs/worker-settings.js';
import { testConfig } from '../../support/app.js';
import { TEST_SECRET_KEY, type TestDatabase } from '../../support/database.js';

/** The product without its server, and the handlers of one test. */
export async function startJobs(
  database: TestDatabase,
  handlers: Type,
  options: { readonly concurrency?: number; readonly settings?: Partial<WorkerSettings> } = {},
) {
  const config = testConfig({ jobs: { concurrency: options.concurrency ?? 32 } });
  const settings = Object.assign(new WorkerSettings(), options.settings);
  @Global()
  @Module({ providers: [{ provide: WorkerSettings, useValue: settings }, handlers], exports: [WorkerSettings] })
  class Bench {}
  @Module({ imports: [Bench, AppModule.for(config, database.urls, TEST_SECRET_KEY)] })
  class App {}
  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  const context = app.get(Context);
  const db = app.get(Database);
  const jobs = app.get(Jobs);
  const inWorkspace = <T>(workspace_id: string, work: () => Promise<T>): Promise<T> =>
    context.runAs(systemPrincipal(workspace_id), { via: 'system' }, () => db.transaction(work));
  return {
    app,
    context,
    db,
    jobs,
    workers: app.get(Workers),
    inWorkspace,
    enqueue: (workspace_id: string, ...job: Parameters<Jobs['enqueue']>) =>
      inWorkspace(workspace_id, () => jobs.enqueue(...job)),
    close: () => app.close(),
  };
}

export type JobsBench = Awaited<ReturnType<typeof startJobs>>;
