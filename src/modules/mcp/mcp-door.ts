import type { NextFunction, Request, Response } from 'express';
import type { HttpConfig, McpConfig } from '../../../config/app-config.js';
import { Forbidden } from '../../platform/errors/contract-problems.js';
import { isBoundToLoopback, isLoopback, publicHostname } from './public-url.js';

const GUARDED = /^\/(mcp|sse|\.well-known\/oauth-protected-resource)(\/|$)/;

const ALLOWED_METHODS = 'GET, POST, DELETE';
const ALLOWED_HEADERS =
  'authorization, content-type, accept, last-event-id, mcp-session-id, mcp-protocol-version, mcp-method, mcp-name, x-workspace';
const EXPOSED_HEADERS = 'mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, x-request-id';

/**
 * A page of the open web can make a browser speak to a server on the user's own machine, by a host name that it points
 * there (DNS rebinding). Neither the credential nor the SDK notices. So /mcp answers only to the host names that are ours,
 * and to browsers only from origins that are; everything else is refused before the body is read or anybody authenticated.
 * Install before the body reader.
 */
export function mcpDoor(
  mcp: McpConfig,
  http: HttpConfig,
): (request: Request, response: Response, next: NextFunction) => void {
  const isLocal = isBoundToLoopback(http);
  const hostname = publicHostname(http);
  const ownOrigin = http.public_url === '' ? null : new URL(http.public_url).origin;
  const origins = new Set(mcp.allowed_origins.map((origin) => origin.replace(/\/$/, '').toLowerCase()));

  const isOwnHost = (named: string) => named === hostname || (isLocal && isLoopback(named));
  const isOwnOrigin = (origin: string) => {
    const url = URL.canParse(origin) ? new URL(origin) : null;
    if (!url) return false;
    return url.origin === ownOrigin || (isLocal && /^https?:$/.test(url.protocol) && isLoopback(url.hostname));
  };

  return (request, response, next) => {
    if (!GUARDED.test(request.path)) return next();
    const { origin } = request.headers;
    if (!isOwnHost(hostnameOf(request.headers.host))) {
      return next(new Forbidden('This Host is not ours.', { suggestion: 'Ask the operator to set PUBLIC_URL.' }));
    }
    if (origin === undefined) return next();
    if (!isOwnOrigin(origin) && !origins.has(origin.toLowerCase())) {
      return next(
        new Forbidden('Browsers may not speak to this endpoint from this origin.', {
          suggestion: 'Ask the operator to add it to MCP_ALLOWED_ORIGINS.',
        }),
      );
    }
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
    response.vary('origin');
    if (request.method !== 'OPTIONS') return next();
    response.setHeader('access-control-allow-methods', ALLOWED_METHODS);
    response.setHeader('access-control-allow-headers', ALLOWED_HEADERS);
    response.setHeader('access-control-max-age', '600');
    response.statusCode = 204;
    response.end();
  };
}

/** The name in a Host header, without the port; empty when there is none that can be read. */
function hostnameOf(host: string | undefined): string {
  const url = `http://${host ?? ''}`;
  return host !== undefined && /^[\w.:[\]-]+$/.test(host) && URL.canParse(url) ? new URL(url).hostname : '';
}
