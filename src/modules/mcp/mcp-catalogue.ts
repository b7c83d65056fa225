import {
  type CallToolResult,
  type GetPromptResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { Injectable } from '@nestjs/common';
import { McpConfig } from '../../../config/app-config.js';
import type { Permission } from '../../contracts/permissions.js';
import { Context } from '../../platform/context/context.js';
import type { Principal } from '../../platform/context/principal.js';
import { Forbidden, Invalid } from '../../platform/errors/contract-problems.js';
import { didYouMean } from '../../platform/errors/nearest-name.js';
import { Problem } from '../../platform/errors/problem.js';
import { ProblemFilter } from '../../platform/errors/problem.filter.js';
import { Idempotency } from '../../platform/http/idempotency.js';
import { readDto } from '../../platform/http/read-dto.js';
import { type Answered, refusalOf, resultOf, rowsThatFit, sentencesOf } from './call-result.js';
import { type CallerCatalogue, catalogueOf, holdsAll } from './caller-catalogue.js';
import { McpOffers, type ResourceOffer } from './mcp-offers.js';
import { type ProgressReport, ProgressReporter } from './progress-reporter.js';
import { ToolAnswer, type ToolCall } from './tools.decorator.js';
import type { ToolOffer } from './tool-offer.js';

/** What a caller may say about one call. */
export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (report: ProgressReport) => void;
}

/** Catalogues kept for permission sets that scopes made. */
const MAX_CATALOGUES = 1_000;

/**
 * Agents, workflows and the endpoint must find and call tools in one way, or one of them would forget a check. This is that
 * way: what a principal sees follows from its permissions alone, and a call passes the same permission check, idempotency,
 * validation, service, transaction and event as REST. Whatever a model can correct comes back as a result that says how;
 * only an unknown name is thrown.
 */
@Injectable()
export class McpCatalogue {
  private readonly byPermissions = new WeakMap<ReadonlySet<Permission>, CallerCatalogue>();
  private readonly byKey = new Map<string, CallerCatalogue>();

  constructor(
    private readonly offers: McpOffers,
    private readonly context: Context,
    private readonly idempotency: Idempotency,
    private readonly problems: ProblemFilter,
    private readonly config: McpConfig,
  ) {}

  /** What this principal may list: immutable, shared by all who hold the same permissions. */
  for({ permissions }: Pick<Principal, 'permissions'>): CallerCatalogue {
    const known = this.byPermissions.get(permissions);
    if (known) return known;
    const key = [...permissions].sort().join(' ');
    let made = this.byKey.get(key);
    if (!made) {
      made = catalogueOf(this.offers, permissions);
      if (this.byKey.size >= MAX_CATALOGUES) this.byKey.clear();
      this.byKey.set(key, made);
    }
    this.byPermissions.set(permissions, made);
    return made;
  }

  /**
   * Calls a tool as the principal of the current context.
   * @throws {ProtocolError} -32602 for a name that no tool has.
   */
  async call(
    name: string,
    given: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<CallToolResult> {
    const tool = this.offers.tools.get(name);
    const principal = this.context.principal();
    if (!tool) throw unknownName('tool', name, this.for(principal).toolNames);
    const progress = new ProgressReporter(options.onProgress ?? (() => undefined));
    const clock = new AbortController();
    const cancel = () => clock.abort(new Problem(499, 'call-cancelled', 'The call was cancelled'));
    const timer = setTimeout(() => clock.abort(this.timeout(tool)), this.config.call_timeout_ms);
    options.signal?.addEventListener('abort', cancel, { once: true });
    if (options.signal?.aborted) cancel();
    try {
      return await this.context.run(
        { ...this.context.current(), if_match: undefined, signal: clock.signal },
        async () => {
          requirePermissions(principal, tool.permissions);
          const call: ToolCall = {
            signal: clock.signal,
            progress: (done, total, message) => progress.report(done, total, message),
          };
          return await Promise.race([this.once(tool, given, call), aborted(clock.signal)]);
        },
      );
    } catch (error) {
      return refusalOf(this.problems.problemOf(error), this.context.current().request_id);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
      progress.flush();
    }
  }

  /** Reads a resource as the principal of the current context. @throws {ProtocolError} -32602 when there is none. */
  async read(uri: string): Promise<ReadResourceResult> {
    const [resource, variables] = this.resourceAt(uri);
    try {
      requirePermissions(this.context.principal(), resource.permissions);
      const content = await resource.read(variables);
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      return { contents: [{ uri, mimeType: resource.mime_type, text }] };
    } catch (error) {
      const problem = this.problems.problemOf(error);
      if (problem.status === 404) throw new ResourceNotFoundError(uri);
      throw this.protocolError(problem);
    }
  }

  /** Renders a prompt as the principal of the current context. */
  async prompt(name: string, given: Readonly<Record<string, unknown>>): Promise<GetPromptResult> {
    const prompt = this.offers.prompts.get(name);
    if (!prompt) throw unknownName('prompt', name, [...this.offers.prompts.keys()]);
    try {
      requirePermissions(this.context.principal(), prompt.permissions);
      const rendered = await prompt.render(readDto(prompt.input as new () => object, given));
      const messages =
        typeof rendered === 'string'
          ? [{ role: 'user' as const, content: { type: 'text' as const, text: rendered } }]
          : [...rendered];
      return { ...(prompt.listing.description && { description: prompt.listing.description }), messages };
    } catch (error) {
      throw this.protocolError(this.problems.problemOf(error));
    }
  }

  private async once(
    tool: ToolOffer,
    given: Readonly<Record<string, unknown>>,
    call: ToolCall,
  ): Promise<CallToolResult> {
    if (!tool.writes || given['idempotency_key'] === undefined) {
      const { idempotency_key: _none, ...input } = given;
      return resultOf(await this.run(tool, tool.writes ? input : given, call), false);
    }
    const { idempotency_key: key, ...input } = given;
    if (typeof key !== 'string' || key.trim() === '' || key.length > 255) {
      throw new Invalid([
        { pointer: '/idempotency_key', detail: 'idempotency_key must be a text of 1 to 255 characters.' },
      ]);
    }
    if (tool.has_own_idempotency)
      return resultOf(await this.run(tool, input, { ...call, idempotency_key: key }), false);
    const answer = await this.idempotency.once({ key, operation: `tool ${tool.listing.name}`, input }, async () => ({
      status: 200,
      body: await this.run(tool, input, call),
    }));
    return resultOf(answer.body as Answered, answer.is_replay);
  }

  private async run(tool: ToolOffer, given: Readonly<Record<string, unknown>>, call: ToolCall): Promise<Answered> {
    const input = tool.read(given);
    const answer = await tool.invoke(input, call);
    if (answer instanceof ToolAnswer) return { structured: answer.structured, content: answer.content };
    if (!tool.is_list) return { structured: (answer ?? null) as object | null, content: [] };
    const page = pageOf(answer);
    const limit = rowsThatFit(page.items);
    if (limit === page.items.length) return { structured: page, content: [] };
    // Only the list itself can say where a shorter page ends.
    const shorter = Object.assign(Object.create(Object.getPrototypeOf(input) as object) as object, input, { limit });
    return { structured: pageOf(await tool.invoke(shorter, call)), content: [] };
  }

  private resourceAt(uri: string): [ResourceOffer, Readonly<Record<string, string>>] {
    const fixed = this.offers.resources.get(uri);
    if (fixed && !fixed.template) return [fixed, {}];
    for (const resource of this.offers.resources.values()) {
      const match = uri.length <= 2_000 ? resource.template?.match(uri) : null;
      if (match)
        return [resource, Object.fromEntries(Object.entries(match).map(([name, value]) => [name, String(value)]))];
    }
    throw new ResourceNotFoundError(uri);
  }

  private protocolError(problem: Problem): ProtocolError {
    const requestId = this.context.current().request_id;
    const code = problem.status < 500 ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
    return new ProtocolError(code, sentencesOf(problem, requestId), { problem: problem.toBody(requestId) });
  }

  private timeout(tool: ToolOffer): Problem {
    return new Problem(
      504,
      'call-timeout',
      'The call took too long',
      `It was given up after ${this.config.call_timeout_ms} ms.`,
      {
        suggestion: tool.writes
          ? 'the same call with the same idempotency_key, which never does the work twice.'
          : 'a smaller limit or a narrower question.',
      },
    );
  }
}

function requirePermissions(principal: Principal, needed: readonly Permission[]): void {
  if (holdsAll(principal.permissions, needed)) return;
  const missing = needed.filter((permission) => !principal.permissions.has(permission));
  throw new Forbidden(`This needs the permission ${missing.join(' and ')}.`, {
    suggestion: 'a credential whose role and scopes include it.',
    extensions: { required_permissions: needed },
  });
}

function unknownName(noun: string, name: string, known: readonly string[]): ProtocolError {
  const text = `There is no ${noun} "${name.slice(0, 64)}". ${didYouMean(name, known)}`.trim();
  return new ProtocolError(ProtocolErrorCode.InvalidParams, text);
}

function pageOf(answer: unknown): { items: readonly unknown[]; next_cursor: string | null } {
  const { items, next_cursor } = answer as { items: readonly unknown[]; next_cursor: string | null };
  return { items, next_cursor };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
