import type { AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import helmet, { type HelmetOptions } from 'helmet';
import type { AppConfig } from '../config/app-config.js';
import { AppModule } from './app.module.js';
import { mcpDoor } from './modules/mcp/index.js';
import { Context } from './platform/context/context.js';
import type { RoleUrls } from './platform/database/roles.js';
import { Problem } from './platform/errors/problem.js';
import { ProblemFilter } from './platform/errors/problem.filter.js';
import { EngawaAdapter } from './platform/http/engawa-adapter.js';
import { bodyReader } from './platform/http/request-body.js';
import { Relay } from './platform/events/relay.js';
import { Workers } from './platform/jobs/workers.js';
import { Scheduling } from './platform/scheduling/scheduling.js';
import { TrustedAddress } from './platform/limits/trusted-address.js';
import { createLog, type Log, NestLog } from './platform/telemetry/log.js';
import { requestLog } from './platform/telemetry/request-log.js';
import { requestContext } from './platform/http/request-context.js';

/** A running application. */
export interface StartedApp {
  readonly nest: NestExpressApplication;
  /** Where it listens, such as http://127.0.0.1:3000. */
  readonly url: string;
  /** Stops taking requests, finishes what is under way, and lets go of everything. */
  stop(): Promise<void>;
}

/** What a start may bring along. */
export interface StartOptions {
  readonly log?: Log;
  /** Further rooms: tests and benchmarks compose theirs over the product's. */
  readonly more?: readonly Type[];
  /** Runs when the rooms stand, before anybody can call. */
  readonly before_listening?: (nest: NestExpressApplication) => Promise<void>;
}

/** Wires the rooms over a prepared database and listens. */
export async function startApp(
  config: AppConfig,
  urls: RoleUrls,
  secretKey: string,
  { log = createLog(config.telemetry.log_level), more = [], before_listening }: StartOptions = {},
): Promise<StartedApp> {
  const nest = await NestFactory.create<NestExpressApplication>(
    AppModule.for(config, urls, secretKey, more),
    new EngawaAdapter(),
    { bodyParser: false, bufferLogs: true, abortOnError: false },
  );
  const context = nest.get(Context);
  const filter = nest.get(ProblemFilter);
  nest.useLogger(new NestLog(log, () => context.find()?.request_id));
  const addresses = new TrustedAddress(config.http.trusted_proxies);
  nest.use(
    requestContext(context, (request) =>
      addresses.of(request.socket.remoteAddress, request.headers['x-forwarded-for']),
    ),
  );
  nest.use(requestLog(log, context));
  nest.use(helmet(SECURITY_HEADERS));
  if (config.http.role === 'worker') nest.use(onlyForOperators);
  nest.use(mcpDoor(config.mcp, config.http));
  if (config.http.cors_origins.length > 0) nest.enableCors({ origin: config.http.cors_origins, maxAge: 600 });
  nest.use(bodyReader(bodyRules(config)));
  nest.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    filter.answer(error, request, response),
  );
  try {
    await nest.init();
    await before_listening?.(nest);
  } catch (error) {
    await nest.close().catch(() => undefined);
    throw error;
  }
  if (config.http.role !== 'api') {
    await nest.get(Relay).start();
    nest.get(Workers).start();
    nest.get(Scheduling).start();
  }
  const host = config.http.host || (config.http.environment === 'production' ? '0.0.0.0' : '127.0.0.1');
  try {
    await nest.listen(config.http.port, host);
  } catch (error) {
    await nest.close();
    throw error;
  }
  const { port } = nest.getHttpServer().address() as AddressInfo;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return {
    nest,
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`,
    stop: async () => {
      // While the signals still carry: other processes take over at once what this one hands back.
      await nest.get(Workers).stop();
      await nest.close();
    },
  };
}

/** A worker answers to whoever watches it, and to nobody else. */
function onlyForOperators(request: Request, _response: Response, next: NextFunction): void {
  if (/^\/(health|ready|metrics)\/?$/.test(request.path)) return next();
  next(
    new Problem(404, 'not-served-here', 'Not served by this process', 'This process does background work only.', {
      suggestion: 'Ask a process with ENGAWA_ROLE=api or all.',
    }),
  );
}

/** What protects a browser that meets our answers; the rest of helmet's headers concerns sites with pages. */
const SECURITY_HEADERS: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'style-src': ["'unsafe-inline'"], 'frame-ancestors': ["'none'"] },
  },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  dnsPrefetchControl: false,
  ieNoOpen: false,
  permittedCrossDomainPolicies: false,
  xssFilter: false,
};

/** Routes whose bodies are larger than usual, or streamed. */
function bodyRules(config: AppConfig) {
  return [
    { method: 'POST', path: /^\/mcp\/?$/, max_bytes: config.mcp.max_body_bytes, reads: 'json' as const },
    { method: 'POST', path: /^\/api\/v1\/ingest(\/preview)?\/?$/, max_bytes: 8_388_608, reads: 'json' as const },
    { method: 'POST', path: /^\/api\/v1\/ingest\/files\/?$/, max_bytes: 0, reads: 'stream' as const },
  ];
}
