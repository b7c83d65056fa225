import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Context } from '../context/context.js';

/** Opens the request context: everything behind it knows its request id, and the answer carries it. */
export function requestContext(
  context: Context,
  addressOf: (request: Request) => string | null,
): (request: Request, response: Response, next: NextFunction) => void {
  return (request, response, next) => {
    const given = request.headers['x-request-id'];
    const request_id = typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
    response.setHeader('x-request-id', request_id);
    let signal: AbortSignal | undefined;
    const if_match = request.headers['if-match'];
    context.run(
      {
        request_id,
        via: request.path === '/mcp' || request.path === '/mcp/' ? 'mcp' : 'rest',
        ip: addressOf(request),
        user_agent: request.headers['user-agent']?.slice(0, 500) ?? null,
        depth: 0,
        get signal() {
          return (signal ??= signalOf(response));
        },
        ...(if_match !== undefined && { if_match }),
      },
      next,
    );
  };
}

/** Fires when the client goes away before the answer is complete. Made for those who ask. */
function signalOf(response: Response): AbortSignal {
  const aborted = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) aborted.abort();
  });
  return aborted.signal;
}
