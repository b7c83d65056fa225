import { type CanActivate, type ExecutionContext, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Context } from '../context/context.js';
import type { Principal } from '../context/principal.js';
import { Forbidden, Unauthenticated } from '../errors/contract-problems.js';
import { operationOf } from '../http/operation.decorator.js';
import { RouteCatalogue } from '../http/route-catalogue.js';
import { CallerLimits } from './caller-limits.js';
import { type AccessRule, accessRuleOf } from './requires.decorator.js';
import { KeyAuthenticator } from './key-authenticator.js';
import { TokenAuthenticator } from './token-authenticator.js';

/**
 * Every request passes here, in this order: address limit, authentication, workspace, principal limit, permission.
 * A handler without @Requires or @Public ends the start: what nobody decided must not be reachable.
 */
@Injectable()
export class AccessGuard implements CanActivate, OnApplicationBootstrap {
  constructor(
    private readonly context: Context,
    private readonly keys: KeyAuthenticator,
    private readonly tokens: TokenAuthenticator,
    private readonly limits: CallerLimits,
    private readonly routes: RouteCatalogue,
  ) {}

  onApplicationBootstrap(): void {
    const undecided = this.routes.all().filter(({ access }) => !access);
    if (undecided.length === 0) return;
    throw new Error(`add @Requires or @Public to ${undecided.map(({ handler }) => handler).join(', ')}`);
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const rule = accessRuleOf(execution.getHandler());
    if (!rule)
      throw new Error(`${execution.getClass().name}.${execution.getHandler().name} has neither @Requires nor @Public`);
    const http = execution.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    if (rule.is_public) {
      await this.limits.takeForAddress(request, response);
      return true;
    }
    this.limits.beforeAuthentication();
    const principal = await this.authenticate(request).catch(async (refusal: unknown) => {
      // A workspace that is not the caller's: guesses are counted like those of a credential.
      await this.limits.takeForAddress(request, response);
      throw refusal;
    });
    if (!principal) {
      await this.limits.takeForAddress(request, response);
      throw new Unauthenticated();
    }
    this.context.enter(principal);
    await this.limits.takeForCaller(principal, response, isStream(execution.getHandler()));
    requirePermissions(principal, rule);
    return true;
  }

  private async authenticate(request: Request): Promise<Principal | null> {
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ', 2);
    if (scheme.toLowerCase() !== 'bearer' || token === '') return null;
    const { ip } = this.context.current();
    if (token.startsWith('egw_')) return this.keys.authenticate(token, ip);
    const workspace = request.headers['x-workspace'];
    return this.tokens.authenticate(token, { ip, ...(typeof workspace === 'string' && { workspace }) });
  }
}

function requirePermissions(principal: Principal, rule: AccessRule): void {
  const missing = rule.permissions.filter((permission) => !principal.permissions.has(permission));
  if (missing.length === 0) return;
  throw new Forbidden(`This needs the permission ${missing.join(' and ')}.`, {
    suggestion: 'Use a credential whose role and scopes include it.',
    extensions: { required_permissions: rule.permissions },
  });
}

/** Streams stay open for hours; they have bounds of their own. */
function isStream(handler: object): boolean {
  return operationOf(handler)?.produces?.includes('text/event-stream') === true;
}
