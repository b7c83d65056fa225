import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { isNetwork } from '../../platform/auth/allowed-networks.js';
import { issueKey } from '../../platform/auth/api-key.js';
import { type ApiKeyChoice, type ApiKeyRow, ApiKeysRepository } from '../../platform/auth/api-keys.repository.js';
import { beyond, isAbove, isWholeOwner } from '../../platform/auth/grants.js';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { Forbidden, Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { Events } from '../../platform/events/events.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import { Preconditions } from '../../platform/http/preconditions.js';
import { changesOf, merged } from './changes-of.js';
import type { CreateApiKey, IssuedApiKey, RotateApiKey, UpdateApiKey } from './dto/api-key.dto.js';
import { AboveCaller, KeyEnded, MoreThanHeld } from './workspaces.errors.js';

/**
 * Keys for agents and scripts. A key can never do more than its maker: role, scopes, end, limits and networks are compared
 * with the caller's, on creation, change and rotation alike, since a rotation hands out a secret as well.
 */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly context: Context,
    private readonly db: Database,
    private readonly repository: ApiKeysRepository,
    private readonly events: Events,
    private readonly preconditions: Preconditions,
  ) {}

  list(request: ListRequest): Promise<Page<ApiKeyRow>> {
    return this.repository.page(request);
  }

  async get(id: string): Promise<ApiKeyRow> {
    const row = isUUID(id) ? await this.repository.find(id) : undefined;
    if (!row) throw new NotFound('api_key');
    return row;
  }

  /** @throws {Problem} 403 for more than the caller holds; 422. */
  async create(body: CreateApiKey): Promise<IssuedApiKey> {
    return this.db.transaction(async () => {
      const own = await this.ownKey();
      const choice = await this.granted(
        {
          name: body.name,
          role: body.role,
          scopes: body.scopes ?? null,
          user_id: body.user_id === undefined ? this.context.principal().user_id : body.user_id,
          rate_limit_per_minute: body.rate_limit_per_minute ?? own?.rate_limit_per_minute ?? null,
          burst: body.burst ?? own?.burst ?? null,
          allowed_networks: body.allowed_networks ?? own?.allowed_networks ?? null,
          expires_at: body.expires_at ?? own?.expires_at ?? null,
        },
        own,
      );
      return this.issue(choice);
    });
  }

  /** @throws {Problem} 403, 404 api-key-not-found, 409 key-ended, 412, 422. */
  async update(id: string, body: UpdateApiKey): Promise<ApiKeyRow> {
    return this.db.transaction(async () => {
      const before = await this.lockStanding(id);
      const { name, role, scopes, user_id, rate_limit_per_minute, burst, allowed_networks, expires_at } = before;
      const held = { name, role, scopes, user_id, rate_limit_per_minute, burst, allowed_networks, expires_at };
      const wanted = merged<ApiKeyChoice>(held, body);
      if (Object.keys(changesOf(held, wanted)).length === 0) return before;
      const own = await this.ownKey();
      await this.granted(held, own);
      const after = await this.repository.update(id, await this.granted(wanted, own));
      const changes = changesOf(before, after, ['last_used_at']);
      if (Object.keys(changes).length > 0)
        this.events.publish('api_key.updated', { subject_id: id, data: after, changes });
      return after;
    });
  }

  /** Ends a key at once; one that has ended stays so. @throws {Problem} 403, 404 api-key-not-found, 412. */
  async revoke(id: string): Promise<void> {
    await this.db.transaction(async () => {
      const before = await this.lock(id);
      this.preconditions.check(before);
      if (isAbove(this.context.principal(), before.role)) throw new AboveCaller(before.role);
      if (before.revoked_at !== null) return;
      const after = await this.repository.end(id, 0);
      const changes = changesOf(before, after, ['last_used_at']);
      this.events.publish('api_key.revoked', { subject_id: id, data: after, changes });
    });
  }

  /**
   * Issues a successor with the same rights; the old key ends after the grace time.
   * @throws {Problem} 403, 404 api-key-not-found, 409 key-ended.
   */
  async rotate(id: string, { grace_seconds }: RotateApiKey): Promise<IssuedApiKey> {
    return this.db.transaction(async () => {
      const before = await this.lockStanding(id);
      const { name, role, scopes, user_id, rate_limit_per_minute, burst, allowed_networks, expires_at } = before;
      const choice = { name, role, scopes, user_id, rate_limit_per_minute, burst, allowed_networks, expires_at };
      const own = await this.ownKey();
      const successor = await this.issue(await this.granted(choice, own));
      const after = await this.repository.end(id, grace_seconds);
      const changes = changesOf(before, after, ['last_used_at']);
      const data = { ...after, successor_id: successor.id };
      this.events.publish('api_key.rotated', { subject_id: id, data, changes });
      return successor;
    });
  }

  private async issue(choice: ApiKeyChoice): Promise<IssuedApiKey> {
    const key = issueKey();
    const row = await this.repository.insert(key, choice);
    this.events.publish('api_key.created', { subject_id: row.id, data: row });
    return { ...(row as Omit<IssuedApiKey, 'key'>), key: key.text };
  }

  private async lock(id: string): Promise<ApiKeyRow> {
    const row = isUUID(id) ? await this.repository.lock(id) : undefined;
    if (!row) throw new NotFound('api_key');
    return row;
  }

  private async lockStanding(id: string): Promise<ApiKeyRow> {
    const row = await this.lock(id);
    this.preconditions.check(row);
    const hasExpired = row.expires_at !== null && Date.parse(row.expires_at) <= Date.now();
    if (row.revoked_at !== null || hasExpired) throw new KeyEnded();
    return row;
  }

  /** The key that the caller uses, if any; its limits bind what it makes. */
  private async ownKey(): Promise<ApiKeyRow | undefined> {
    const { api_key_id } = this.context.principal();
    return api_key_id === null ? undefined : this.repository.find(api_key_id);
  }

  /** The choice, if the caller may grant it. */
  private async granted(choice: ApiKeyChoice, own: ApiKeyRow | undefined): Promise<ApiKeyChoice> {
    const principal = this.context.principal();
    const wrong = (choice.allowed_networks ?? []).findIndex((network) => !isNetwork(network));
    if (wrong >= 0) {
      const detail = 'allowed_networks must hold networks like 203.0.113.0/24.';
      throw new Invalid([{ pointer: `/allowed_networks/${wrong}`, detail }]);
    }
    if (isAbove(principal, choice.role)) throw new AboveCaller(choice.role);
    const lacking = beyond(principal, choice.role, choice.scopes);
    if (lacking.length > 0) throw new MoreThanHeld(lacking);
    if (choice.user_id !== principal.user_id && !isWholeOwner(principal)) {
      throw new Forbidden('A key acts for you; only an owner makes keys that act for others or for nobody.');
    }
    if (!own) return choice;
    if (isLater(choice.expires_at, own.expires_at)) throw new Forbidden('A key cannot outlive the key that makes it.');
    if (exceeds(choice.rate_limit_per_minute, own.rate_limit_per_minute)) {
      throw new Forbidden('A key cannot have a higher rate limit than the key that makes it.');
    }
    if (own.burst && (!choice.burst || choice.burst.w !== own.burst.w || exceeds(choice.burst.q, own.burst.q))) {
      throw new Forbidden('A key cannot have a wider burst than the key that makes it.');
    }
    if (own.allowed_networks && !(await this.isWithin(choice.allowed_networks, own.allowed_networks))) {
      throw new Forbidden('A key cannot be used from more networks than the key that makes it.');
    }
    return choice;
  }

  private async isWithin(networks: readonly string[] | null, others: readonly string[]): Promise<boolean> {
    return networks !== null && networks.length > 0 && this.repository.isWithin(networks, others);
  }
}

function isLater(end: string | null, limit: string | null): boolean {
  return limit !== null && (end === null || Date.parse(end) > Date.parse(limit));
}

/** 0 and null set no limit. */
function exceeds(limit: number | null, own: number | null): boolean {
  return own !== null && own !== 0 && (limit === null || limit === 0 || limit > own);
}
