import { randomBytes } from 'node:crypto';
import { isInitializeRequest, type Server } from '@modelcontextprotocol/server';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Request, Response } from 'express';
import { McpConfig } from '../../../config/app-config.js';
import type { Principal } from '../../platform/context/principal.js';
import { McpServers } from './mcp-servers.js';
import { KEEP_ALIVE_MS } from './modern-endpoint.js';
import { principalKey } from './principal-key.js';
import { answerRpcError } from './rpc-error.js';
import { SessionEvents } from './session-events.js';

interface Session {
  readonly id: string;
  readonly owner: string;
  readonly transport: NodeStreamableHTTPServerTransport;
  readonly server: Server;
  /** Requests and streams under way. */
  open: number;
  used_at_ms: number;
}

const IDLE_MS = 30 * 60_000;
const SWEEP_MS = 60_000;
const MAX_PER_PRINCIPAL = 32;

/**
 * Serves revisions 2024-11-05 to 2025-11-25. Their clients open a session and name it in every request, so whoever learned
 * an id could speak in another's name: a session answers only to the principal that opened it, and to everybody else it is
 * as unknown as one that never was. Rights are those of each request, not of the first one.
 */
@Injectable()
export class LegacySessions implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('mcp');
  private readonly sessions = new Map<string, Session>();
  private sweeper: NodeJS.Timeout | undefined;

  constructor(
    private readonly servers: McpServers,
    private readonly config: McpConfig,
  ) {}

  async serve(principal: Principal, request: Request, response: Response): Promise<void> {
    if (!this.config.legacy_sessions) return this.serveOnce(request, response);
    const id = request.headers['mcp-session-id'];
    if (typeof id === 'string') {
      const session = this.sessions.get(id);
      if (!session || session.owner !== principalKey(principal)) {
        return answerRpcError(response, 404, -32_001, 'Session not found. Start anew with initialize.');
      }
      return this.pass(session, request, response);
    }
    if (!isInitialize(request.body)) {
      return answerRpcError(response, 400, -32_000, 'Bad Request: Mcp-Session-Id is required after initialize.');
    }
    const session = await this.start(principal);
    await this.pass(session, request, response);
    if (session.transport.sessionId === undefined) await this.end(session);
  }

  onApplicationBootstrap(): void {
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.sweeper);
    await Promise.all([...this.sessions.values()].map((session) => this.end(session)));
  }

  /** Ends what nobody used for half an hour. */
  private sweep(): void {
    const idleSince_ms = Date.now() - IDLE_MS;
    for (const session of this.sessions.values()) {
      if (session.open === 0 && session.used_at_ms < idleSince_ms) this.endSoon(session);
    }
  }

  private async start(principal: Principal): Promise<Session> {
    const owner = principalKey(principal);
    const own = [...this.sessions.values()].filter((session) => session.owner === owner);
    if (own.length >= MAX_PER_PRINCIPAL) {
      own.sort((a, b) => Math.min(a.open, 1) - Math.min(b.open, 1) || a.used_at_ms - b.used_at_ms);
      if (own[0]) await this.end(own[0]);
    }
    const id = randomBytes(16).toString('hex');
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      eventStore: new SessionEvents(),
      keepAliveMs: KEEP_ALIVE_MS,
      maxRequestBodySize: this.config.max_body_bytes,
    });
    const server = this.servers.make();
    await server.connect(transport);
    server.onclose = () => this.sessions.delete(id);
    const session: Session = { id, owner, transport, server, open: 0, used_at_ms: Date.now() };
    this.sessions.set(id, session);
    return session;
  }

  private async pass(session: Session, request: Request, response: Response): Promise<void> {
    session.open++;
    session.used_at_ms = Date.now();
    response.once('close', () => {
      session.open--;
      session.used_at_ms = Date.now();
    });
    await session.transport.handleRequest(request, response, request.body as unknown);
  }

  /** Without sessions every message stands alone, and the server can ask nothing back. */
  private async serveOnce(request: Request, response: Response): Promise<void> {
    if (request.method !== 'POST') {
      return answerRpcError(response, 405, -32_000, 'Method not allowed.', { allow: 'POST' });
    }
    const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    const server = this.servers.make();
    response.once('close', () => {
      server.close().catch((error: unknown) => this.logger.debug(String(error)));
    });
    await server.connect(transport);
    await transport.handleRequest(request, response, request.body as unknown);
  }

  private async end(session: Session): Promise<void> {
    this.sessions.delete(session.id);
    await session.server.close();
  }

  private endSoon(session: Session): void {
    this.end(session).catch((error: unknown) => this.logger.debug(String(error)));
  }
}

function isInitialize(body: unknown): boolean {
  return Array.isArray(body) ? body.some((message) => isInitializeRequest(message)) : isInitializeRequest(body);
}
