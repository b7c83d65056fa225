import { Injectable } from '@nestjs/common';
import type { Actor } from '../../contracts/events.js';
import { type Principal, systemPrincipal } from '../context/principal.js';

/** Answers whether whoever asked for a job may still act. Provided by platform/auth. */
export abstract class CallerCheck {
  /** The caller with the permissions of this moment, or null when membership, key or account has ended. */
  abstract principalFor(workspace_id: string, actor: Actor): Promise<Principal | null>;
}

/** Of an installation without callers, where only the system itself asks for jobs. */
@Injectable()
export class SystemCallersOnly extends CallerCheck {
  principalFor(workspace_id: string, actor: Actor): Promise<Principal | null> {
    return Promise.resolve(actor.type === 'system' ? systemPrincipal(workspace_id, actor) : null);
  }
}
