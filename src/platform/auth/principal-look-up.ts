import { Injectable } from '@nestjs/common';
import type { Actor } from '../../contracts/events.js';
import { type Principal, systemPrincipal } from '../context/principal.js';
import { KeyAuthenticator } from './key-authenticator.js';

/** Whether a caller of the past may still act: for streams that stay open and for work that goes on. */
@Injectable()
export class PrincipalLookUp {
  constructor(private readonly keys: KeyAuthenticator) {}

  async stillValid(principal: Principal): Promise<boolean> {
    return (await this.principalFor(principal.workspace_id, principal)) !== null;
  }

  async principalFor(workspace_id: string, { type, id, name }: Actor): Promise<Principal | null> {
    if (type === 'system') return systemPrincipal(workspace_id, { type, id, name });
    return type === 'api_key' && id !== null ? this.keys.byId(workspace_id, id) : null;
  }
}
