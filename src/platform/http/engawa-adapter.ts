import { createHash } from 'node:crypto';
import { ExpressAdapter } from '@nestjs/platform-express';
import express, { type Response } from 'express';

/**
 * Express with the contract's way of answering: JSON as it is, and a strong ETag on every single resource (a body with an
 * id), so that a client can make its next write conditional.
 */
export class EngawaAdapter extends ExpressAdapter {
  constructor() {
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.set('query parser', 'simple');
    super(app);
  }

  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    if (response.headersSent || typeof body !== 'object' || body === null || Buffer.isBuffer(body)) {
      return super.reply(response, body, statusCode);
    }
    if (statusCode !== undefined) response.statusCode = statusCode;
    const text = JSON.stringify(body);
    if (response.statusCode < 300 && 'id' in body) {
      const etag = etagOfText(text);
      response.setHeader('etag', etag);
      if (response.req.method === 'GET' && matches(response.req.headers['if-none-match'], etag)) {
        response.statusCode = 304;
        return response.end();
      }
    }
    if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json; charset=utf-8');
    response.setHeader('content-length', Buffer.byteLength(text));
    return response.end(response.req.method === 'HEAD' ? undefined : text);
  }
}

/** The strong entity tag (RFC 9110, 8.8.3) of a resource: a hash of its representation. */
export function etagOf(resource: object): string {
  return etagOfText(JSON.stringify(resource));
}

function etagOfText(text: string): string {
  return `"${createHash('sha1').update(text).digest('base64url').slice(0, 22)}"`;
}

/** True when a list of entity tags names this one, or is `*`. Weak tags never match strongly. */
export function matches(list: string | undefined, etag: string): boolean {
  return list !== undefined && list.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*');
}
