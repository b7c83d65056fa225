import { Injectable } from '@nestjs/common';
import type { Principal } from '../context/principal.js';
import type { Policy } from './policy.js';
import { type EffectiveLimits, WorkspaceLimits } from './workspace-limits.js';

/** Which policies a known caller meets: the same for REST, MCP and streams, and for every session of one person. */
@Injectable()
export class CallerPolicies {
  constructor(private readonly limits: WorkspaceLimits) {}

  /** At once while the workspace's limits are fresh, so that a decision needs no turn of the event loop. */
  of(principal: Principal): readonly Policy[] | Promise<readonly Policy[]> {
    const limits = this.limits.of(principal.workspace_id);
    return limits instanceof Promise
      ? limits.then((late) => policiesOf(principal, late))
      : policiesOf(principal, limits);
  }
}

function policiesOf(principal: Principal, limits: EffectiveLimits): readonly Policy[] {
  const subject = principal.id ?? principal.workspace_id;
  const burst = principal.burst ?? limits.burst;
  const policies: Policy[] = [
    { name: 'principal', q: principal.rate_limit_per_minute ?? limits.principal_per_minute, w: 60, subject },
    { name: 'workspace', q: limits.workspace_per_minute, w: 60, subject: principal.workspace_id },
  ];
  if (burst) policies.push({ name: 'burst', q: burst.q, w: burst.w, subject });
  return policies;
}
