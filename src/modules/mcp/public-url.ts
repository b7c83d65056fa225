import type { Request } from 'express';
import type { HttpConfig } from '../../../config/app-config.js';

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Where users reach us. Without PUBLIC_URL: where this request came to, whose Host the door has checked. */
export function publicUrl(config: HttpConfig, request: Request): string {
  return config.public_url !== ''
    ? config.public_url.replace(/\/$/, '')
    : `http://${request.headers.host ?? 'localhost'}`;
}

export function isLoopback(hostname: string): boolean {
  return LOOPBACK.has(hostname);
}

/** True when the server listens on the loopback interface alone. */
export function isBoundToLoopback({ host, environment }: HttpConfig): boolean {
  return host === '' ? environment !== 'production' : isLoopback(host) || host === '::1';
}

/** The host name that users are to name: of PUBLIC_URL, else of the address we listen on. */
export function publicHostname({ host, public_url }: HttpConfig): string {
  if (public_url !== '') return new URL(public_url).hostname;
  if (host === '' || host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
