import { createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Request, Response } from 'express';
import { McpConfig } from '../../../config/app-config.js';
import type { Principal } from '../../platform/context/principal.js';
import { McpServers } from './mcp-servers.js';
import { principalKey } from './principal-key.js';
import { serveFetch } from './serve-fetch.js';

interface Endpoint {
  readonly handler: McpHttpHandler;
  /** Requests and streams under way. */
  open: number;
}

const MAX_ENDPOINTS = 1_000;
const MAX_SUBSCRIPTIONS = 256;
export const KEEP_ALIVE_MS = 15_000;

/**
 * Serves revision 2026-07-28, which has no sessions. The SDK's handler tells every stream it holds what changed, so a
 * handler shared by two principals would tell one of them what the other may see: each principal has its own.
 */
@Injectable()
export class ModernEndpoint implements OnModuleDestroy {
  private readonly logger = new Logger('mcp');
  /** In order of last use. */
  private readonly endpoints = new Map<string, Endpoint>();

  constructor(
    private readonly servers: McpServers,
    private readonly config: McpConfig,
  ) {}

  async serve(principal: Principal, request: Request, response: Response): Promise<void> {
    const endpoint = this.endpointOf(principal);
    endpoint.open++;
    response.once('close', () => endpoint.open--);
    await serveFetch(endpoint.handler, request, response);
  }

  async onModuleDestroy(): Promise<void> {
    const closing = [...this.endpoints.values()].map(({ handler }) => handler.close());
    this.endpoints.clear();
    await Promise.all(closing);
  }

  private endpointOf(principal: Principal): Endpoint {
    const key = principalKey(principal);
    const known = this.endpoints.get(key);
    if (known) {
      this.endpoints.delete(key);
      this.endpoints.set(key, known);
      return known;
    }
    if (this.endpoints.size >= MAX_ENDPOINTS) this.dropOne();
    const made = this.make();
    this.endpoints.set(key, made);
    return made;
  }

  private make(): Endpoint {
    const handler = createMcpHandler(() => this.servers.make(), {
      legacy: 'reject',
      responseMode: 'auto',
      keepAliveMs: KEEP_ALIVE_MS,
      maxSubscriptions: MAX_SUBSCRIPTIONS,
      maxRequestBodySize: this.config.max_body_bytes,
      onerror: (error) => this.logger.debug(error.message),
    });
    return { handler, open: 0 };
  }

  /** The least recently used one with nothing under way, else the least recently used. */
  private dropOne(): void {
    const idle = [...this.endpoints].find(([, { open }]) => open === 0) ?? [...this.endpoints][0];
    if (!idle) return;
    this.endpoints.delete(idle[0]);
    idle[1].handler.close().catch((error: unknown) => this.logger.debug(String(error)));
  }
}
