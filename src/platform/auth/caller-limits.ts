import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { LimitsConfig } from '../../../config/app-config.js';
import { Context } from '../context/context.js';
import type { Principal } from '../context/principal.js';
import { CallerPolicies } from '../limits/caller-policies.js';
import { Limiter } from '../limits/limiter.js';
import type { Decision } from '../limits/decision.js';
import type { Policy } from '../limits/policy.js';
import { addressSubject } from '../limits/trusted-address.js';
import { UnderWay } from '../limits/under-way.js';

/** Paths that operators poll; they cost nothing and are never refused. */
const UNLIMITED_PATHS: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/** Which limits a request meets: those of its address until the caller is known, then those of caller and workspace. */
@Injectable()
export class CallerLimits {
  constructor(
    private readonly limiter: Limiter,
    private readonly policies: CallerPolicies,
    private readonly underWay: UnderWay,
    private readonly context: Context,
    private readonly config: LimitsConfig,
  ) {}

  /** Refuses an address that has used up its tries, before any work is done for it. */
  beforeAuthentication(): void {
    const policy = this.addressPolicy();
    const refusal = policy && this.limiter.refusalOf(policy);
    if (refusal && !refusal.admitted) throw refusal.problem;
  }

  /** Counts a request of somebody unknown: a public route, or a credential that is not valid. */
  async takeForAddress(request: Request, response: Response): Promise<void> {
    const policy = this.addressPolicy();
    if (policy && !UNLIMITED_PATHS.has(request.path)) settle(await this.limiter.take([policy]), response);
  }

  /** Counts a request of a known caller, and holds it back while too many of theirs are under way. */
  async takeForCaller(principal: Principal, response: Response, isStream: boolean): Promise<void> {
    const policies = this.policies.of(principal);
    const decision = this.limiter.take('length' in policies ? policies : await policies);
    settle('admitted' in decision ? decision : await decision, response);
    if (isStream) return;
    const entered = this.underWay.enter(principal.workspace_id, principal.id ?? '', this.context.current());
    const release = typeof entered === 'function' ? entered : await entered;
    // Whoever went away while waiting closes no more.
    if (response.closed) release();
    else response.once('close', release);
  }

  private addressPolicy(): Policy | undefined {
    const { ip } = this.context.current();
    return ip === null
      ? undefined
      : { name: 'address', q: this.config.address_per_minute, w: 60, subject: addressSubject(ip) };
  }
}

function settle(decision: Decision, response: Response): void {
  if (!decision.admitted) throw decision.problem;
  for (const name in decision.headers) response.setHeader(name, decision.headers[name] ?? '');
}
