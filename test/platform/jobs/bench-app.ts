import { Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DatabaseConfig, JobsConfig } from '../../../config/app-config.js';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Database } from '../../../src/platform/database/database.js';
import { DatabaseModule } from '../../../src/platform/database/database.module.js';
import { Jobs } from '../../../src/platform/jobs/jobs.js';
import { JobsModule } from '../../../src/platform/jobs/jobs.module.js';
import { Workers } from '../../../src/platform/jobs/workers.js';
import { WorkerSettings } from '../../../src/platform/jobs/worker-settings.js';
import type { TestDatabase } from '../../support/database.js';

/** The rooms below jobs, and the handlers of one test. */
export async function startJobs(
  database: TestDatabase,
  handlers: Type,
  options: { readonly concurrency?: number; readonly settings?: Partial<WorkerSettings> } = {},
) {
  const config = new JobsConfig();
  config.concurrency = options.concurrency ?? config.concurrency;
  const settings = Object.assign(new WorkerSettings(), options.settings);
  @Global()
  @Module({
    providers: [
      Context,
      { provide: JobsConfig, useValue: config },
      { provide: WorkerSettings, useValue: settings },
      handlers,
    ],
    exports: [Context, JobsConfig, WorkerSettings],
  })
  class Bench {}
  @Module({ imports: [Bench, DatabaseModule.for(new DatabaseConfig(), database.urls), JobsModule] })
  class App {}
  const app = await NestFactory.createApplicationContext(App, { logger: false });
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
