import { classifyInboundRequest } from '@modelcontextprotocol/server';
import { Controller, Delete, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CallerLimits } from '../../platform/auth/caller-limits.js';
import { Public, Requires } from '../../platform/auth/requires.decorator.js';
import { Context } from '../../platform/context/context.js';
import type { Principal } from '../../platform/context/principal.js';
import { Problem } from '../../platform/errors/problem.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import { LegacySessions } from './legacy-sessions.js';
import { McpFilter } from './mcp.filter.js';
import { ModernEndpoint } from './modern-endpoint.js';
import { OpenStreams } from './open-streams.js';
import { answerRpcError } from './rpc-error.js';

/** The first revision without sessions. Revisions are dates, so they compare as texts. */
const FIRST_MODERN_REVISION = '2026-07-28';

/** The SDK refuses larger batches. */
const MAX_BATCH = 100;

/** One path for both generations of the protocol; the SDK says which one a message belongs to. */
@Controller()
@UseFilters(McpFilter)
export class McpController {
  constructor(
    private readonly context: Context,
    private readonly modern: ModernEndpoint,
    private readonly legacy: LegacySessions,
    private readonly streams: OpenStreams,
    private readonly limits: CallerLimits,
  ) {}

  @Post('mcp')
  @Requires()
  @Operation({
    id: 'mcp.post',
    summary: 'One message of the Model Context Protocol',
    status: 200,
    is_not_idempotent: true,
    produces: ['application/json'],
  })
  async post(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { headers, body } = request as { headers: Request['headers']; body: unknown };
    const protocolVersionHeader = one(headers['mcp-protocol-version']);
    const mcpMethodHeader = one(headers['mcp-method']);
    const mcpNameHeader = one(headers['mcp-name']);
    const { kind } = classifyInboundRequest({
      httpMethod: 'POST',
      ...(protocolVersionHeader !== undefined && { protocolVersionHeader }),
      ...(mcpMethodHeader !== undefined && { mcpMethodHeader }),
      ...(mcpNameHeader !== undefined && { mcpNameHeader }),
      body,
    });
    const principal = this.context.principal();
    await this.countBatch(principal, body, response);
    this.streams.watch(principal, response);
    const endpoint = kind === 'legacy' || body === undefined ? this.legacy : this.modern;
    await endpoint.serve(principal, request, response);
  }

  @Get('mcp')
  @Requires()
  @Operation({
    id: 'mcp.stream',
    summary: 'The stream of a session (revisions before 2026-07-28)',
    produces: ['text/event-stream'],
  })
  stream(@Req() request: Request, @Res() response: Response): Promise<void> {
    return this.session(request, response);
  }

  @Delete('mcp')
  @Requires()
  @Operation({ id: 'mcp.end', summary: 'Ends a session (revisions before 2026-07-28)', status: 200 })
  end(@Req() request: Request, @Res() response: Response): Promise<void> {
    return this.session(request, response);
  }

  /** The transport of 2024-11-05, replaced in 2025-03-26. */
  @Get('sse')
  @Public()
  @Operation({ id: 'mcp.sse', summary: 'Gone: use /mcp', problems: ['410 gone'] })
  sse(): never {
    throw new Problem(410, 'gone', 'Gone', 'The HTTP+SSE transport is not served here.', {
      suggestion: 'Use Streamable HTTP at /mcp.',
    });
  }

  private async session(request: Request, response: Response): Promise<void> {
    if ((one(request.headers['mcp-protocol-version']) ?? '') >= FIRST_MODERN_REVISION) {
      answerRpcError(response, 405, -32_000, 'Method not allowed.', { allow: 'POST' });
      return;
    }
    const principal = this.context.principal();
    this.streams.watch(principal, response);
    await this.legacy.serve(principal, request, response);
  }

  /** The guard has counted the request; each further message of a batch counts as much. */
  private async countBatch(principal: Principal, body: unknown, response: Response): Promise<void> {
    if (!Array.isArray(body) || body.length > MAX_BATCH) return;
    for (let more = 1; more < body.length; more++) await this.limits.takeForCaller(principal, response, true);
  }
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
