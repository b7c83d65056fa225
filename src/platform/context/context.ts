import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import type { Via } from '../../contracts/events.js';
import type { Principal } from './principal.js';

/** What a request, job or consumer knows about itself. */
export interface RequestContext {
  readonly request_id: string;
  via: Via;
  readonly ip: string | null;
  readonly user_agent: string | null;
  /** Automatic reactions between the first cause and this work; loops end at 5 (contract). */
  readonly depth: number;
  /** Fired when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  /** The ETag list of If-Match, which services compare under the row's lock. */
  readonly if_match?: string;
  principal?: Principal;
}

/**
 * Carries who is calling and for which workspace through every await, so that no method has to pass it on and none can
 * forget it. The principal (and with it the workspace) is written once; a second write is a bug and throws.
 */
@Injectable()
export class Context {
  private readonly storage = new AsyncLocalStorage<RequestContext>();

  run<T>(context: RequestContext, work: () => T): T {
    return this.storage.run(context, work);
  }

  /** Runs work as somebody in one workspace: jobs, consumers, MCP sessions, first start. */
  runAs<T>(
    principal: Principal,
    options: Partial<Omit<RequestContext, 'principal'>> & { readonly via: Via },
    work: () => T,
  ): T {
    const context = { request_id: crypto.randomUUID(), ip: null, user_agent: null, depth: 0, ...options, principal };
    return this.storage.run(context, work);
  }

  /** The context of the running work, or undefined outside any. */
  find(): RequestContext | undefined {
    return this.storage.getStore();
  }

  /** @throws {Error} outside a request, job or consumer. */
  current(): RequestContext {
    const context = this.storage.getStore();
    if (!context) throw new Error('no request context: enter one through Context.run or Context.runAs');
    return context;
  }

  /** @throws {Error} before authentication. */
  principal(): Principal {
    const { principal } = this.current();
    if (!principal) throw new Error('nobody is authenticated in this context');
    return principal;
  }

  workspaceId(): string {
    return this.principal().workspace_id;
  }

  /** Writes the principal of this context, once. */
  enter(principal: Principal): void {
    const context = this.current();
    if (context.principal) throw new Error('the principal of a context is written once');
    context.principal = principal;
  }
}
