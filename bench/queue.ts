import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { loadConfig } from '../config/load-config.js';
import { AppModule } from '../src/app.module.js';
import type { Figure } from './figures.js';
import { measureJobs, measureJobsAtScale } from './jobs.js';
import type { Stage } from './stage.js';

/** The queue of the whole product, without its HTTP server, in this process; the servers must be stopped. */
export async function measureQueue(stage: Stage, isAtScale: boolean): Promise<Figure[]> {
  const { urls } = stage.database;
  @Module({ imports: [AppModule.for(loadConfig({ LOG_LEVEL: 'error' }), urls, stage.secret_key)] })
  class QueueBench {}
  const app = await NestFactory.createApplicationContext(QueueBench, { logger: ['error'], abortOnError: false });
  try {
    const { owner } = stage.engawa;
    return isAtScale ? await measureJobsAtScale(app, owner) : await measureJobs(app, owner);
  } finally {
    await app.close();
  }
}
