import type { NextFunction, Request, Response } from 'express';
import { Counter, Histogram } from 'prom-client';
import type { Context } from '../context/context.js';
import type { Log } from './log.js';

const requests = new Counter({
  name: 'engawa_http_requests_total',
  help: 'Requests answered.',
  labelNames: ['method', 'route', 'status'],
});
const seconds = new Histogram({
  name: 'engawa_http_request_seconds',
  help: 'Time from the first byte of a request to the last of its answer.',
  labelNames: ['method', 'route'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

/** One line and one measurement per request: who, which route, how it ended, how long it took. No values of the request. */
export function requestLog(
  log: Log,
  context: Context,
): (request: Request, response: Response, next: NextFunction) => void {
  // The members of this line hold nothing to redact.
  const lines = log.child({}, { redact: [] });
  return (request, response, next) => {
    const started = performance.now();
    const current = context.current();
    response.once('close', () => {
      const ms = performance.now() - started;
      const route = (request.route as { path?: string } | undefined)?.path ?? 'none';
      const { statusCode: status } = response;
      requests.inc({ method: request.method, route, status });
      seconds.observe({ method: request.method, route }, ms / 1_000);
      if (!log.isLevelEnabled('info')) return;
      const { principal, request_id } = current;
      lines.info({
        request_id,
        method: request.method,
        route,
        status,
        ms: Math.round(ms * 10) / 10,
        ...(principal && { workspace_id: principal.workspace_id, principal: principal.id }),
      });
    });
    next();
  };
}
