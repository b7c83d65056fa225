import { ProtocolError, ProtocolErrorCode, Server, type ServerContext } from '@modelcontextprotocol/server';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { Injectable, Logger } from '@nestjs/common';
import { Context } from '../../platform/context/context.js';
import { API_VERSION } from '../../platform/http/open-api.js';
import { McpCatalogue } from './mcp-catalogue.js';
import { McpOffers } from './mcp-offers.js';
import type { ProgressReport } from './progress-reporter.js';

/** Of lists, as long as a client may keep them. Reads are never kept. */
const LIST_CACHE = { ttlMs: 60_000, cacheScope: 'private' as const };
const READ_CACHE = { ttlMs: 0, cacheScope: 'private' as const };

const INSTRUCTIONS =
  "Engawa holds a company's contacts, companies and their history, shared by its people and agents. " +
  'Read engawa://guide first. Search before you create; give idempotency_key with every change.';

/** One for all: servers never ask clients for input that they would have to check. */
const validator = new AjvJsonSchemaValidator();

/**
 * Makes the protocol's servers, one for each modern request and one for each legacy session. They are the SDK's low-level
 * ones, which cost a fraction of McpServer with many tools, and hold nothing of their own: who calls is read from the
 * request context when a message arrives, so a session can never act with the rights of its first request.
 */
@Injectable()
export class McpServers {
  private readonly logger = new Logger('mcp');

  constructor(
    private readonly catalogue: McpCatalogue,
    private readonly offers: McpOffers,
    private readonly context: Context,
  ) {}

  make(): Server {
    const server = new Server(
      { name: 'engawa', title: 'Engawa', version: API_VERSION },
      {
        capabilities: { tools: {}, resources: {}, ...(this.offers.prompts.size > 0 && { prompts: {} }) },
        instructions: INSTRUCTIONS,
        jsonSchemaValidator: validator,
        cacheHints: {
          'tools/list': LIST_CACHE,
          'resources/list': LIST_CACHE,
          'resources/templates/list': LIST_CACHE,
          'prompts/list': LIST_CACHE,
          'server/discover': LIST_CACHE,
          'resources/read': READ_CACHE,
        },
      },
    );
    server.onerror = (error) => this.logger.debug(error.message);
    server.setRequestHandler('tools/list', ({ params }) => ({ tools: [...this.shown(params).tools] }));
    server.setRequestHandler('tools/call', ({ params }, call) =>
      this.catalogue.call(params.name, params.arguments, {
        signal: call.mcpReq.signal,
        onProgress: (report) => this.tell(call, report),
      }),
    );
    server.setRequestHandler('resources/list', ({ params }) => ({ resources: [...this.shown(params).resources] }));
    server.setRequestHandler('resources/templates/list', ({ params }) => ({
      resourceTemplates: [...this.shown(params).templates],
    }));
    server.setRequestHandler('resources/read', ({ params }) => this.catalogue.read(params.uri));
    if (this.offers.prompts.size > 0) {
      server.setRequestHandler('prompts/list', ({ params }) => ({ prompts: [...this.shown(params).prompts] }));
      server.setRequestHandler('prompts/get', ({ params }) =>
        this.catalogue.prompt(params.name, params.arguments ?? {}),
      );
    }
    return server;
  }

  /** The caller's lists. They have one page, so there is no cursor to come back with. */
  private shown(params: { cursor?: string } | undefined) {
    if (params?.cursor !== undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'This cursor belongs to no page. Ask without one.');
    }
    return this.catalogue.for(this.context.principal());
  }

  private tell(call: ServerContext, report: ProgressReport): void {
    const progressToken = call.mcpReq._meta?.progressToken;
    if (progressToken === undefined || call.mcpReq.signal.aborted) return;
    call.mcpReq
      .notify({ method: 'notifications/progress', params: { progressToken, ...report } })
      .catch((error: unknown) => this.logger.debug(String(error)));
  }
}
