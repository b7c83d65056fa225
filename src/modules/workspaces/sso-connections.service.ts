import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { AccessTokens } from '../../platform/auth/access-tokens.js';
import { readToken } from '../../platform/auth/bearer-token.js';
import { beyond } from '../../platform/auth/grants.js';
import { IssuerTokenChecks, type TokenCheck } from '../../platform/auth/issuer-token-checks.js';
import {
  type SsoConnectionChoice,
  type SsoConnectionRow,
  SsoConnectionsRepository,
} from '../../platform/auth/sso-connections.repository.js';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import type { FieldMistake } from '../../platform/errors/problem.js';
import { Events } from '../../platform/events/events.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import { Preconditions } from '../../platform/http/preconditions.js';
import { Secrets } from '../../platform/secrets/secrets.js';
import { changesOf, merged } from './changes-of.js';
import type { CreateSsoConnection, TokenTestDto, UpdateSsoConnection } from './dto/sso-connection.dto.js';
import { connectionMistakes } from './read-connection.js';
import { MoreThanHeld } from './workspaces.errors.js';

/** The identity providers whose tokens the workspace accepts. */
@Injectable()
export class SsoConnectionsService {
  constructor(
    private readonly context: Context,
    private readonly db: Database,
    private readonly repository: SsoConnectionsRepository,
    private readonly checks: IssuerTokenChecks,
    private readonly accessTokens: AccessTokens,
    private readonly secrets: Secrets,
    private readonly events: Events,
    private readonly preconditions: Preconditions,
  ) {}

  list(request: ListRequest): Promise<Page<SsoConnectionRow>> {
    return this.repository.page(request);
  }

  async get(id: string): Promise<SsoConnectionRow> {
    return found(isUUID(id) ? await this.repository.find(id) : undefined);
  }

  /** @throws {Problem} 403, 409 audience-taken, 422. */
  async create({ client_secret, ...body }: CreateSsoConnection): Promise<SsoConnectionRow> {
    const choice = this.checked({
      ...body,
      organization_claim: body.organization_claim ?? null,
      organization_value: body.organization_value ?? null,
      jwks_uri: body.jwks_uri ?? null,
      client_id: body.client_id ?? null,
    });
    return this.db.transaction(async () => {
      const made = await this.repository.insert(choice);
      const row = await this.withSecret(made, client_secret ?? undefined);
      this.events.publish('sso_connection.created', { subject_id: row.id, data: row });
      return row;
    });
  }

  /** @throws {Problem} 403, 404 sso-connection-not-found, 409 audience-taken, 412, 422. */
  async update(id: string, { client_secret, ...body }: UpdateSsoConnection): Promise<SsoConnectionRow> {
    return this.db.transaction(async () => {
      const before = await this.lock(id);
      const { id: _id, has_client_secret: _has, created_at: _created, updated_at: _updated, ...held } = before;
      const wanted = this.checked(merged<SsoConnectionChoice>(held, body));
      const isChanged = Object.keys(changesOf(held, wanted)).length > 0;
      if (!isChanged && client_secret === undefined) return before;
      const after = await this.withSecret(isChanged ? await this.repository.update(id, wanted) : before, client_secret);
      const changes = {
        ...changesOf(before, after),
        ...(client_secret !== undefined && { client_secret: { from: null, to: null } }),
      };
      this.events.publish('sso_connection.updated', { subject_id: id, data: after, changes });
      return after;
    });
  }

  /** Its people come in no more; they stay members until somebody removes them. @throws {Problem} 404, 412. */
  async delete(id: string): Promise<void> {
    await this.db.transaction(async () => {
      const row = await this.lock(id);
      await this.repository.delete(id);
      this.events.publish('sso_connection.deleted', { subject_id: id, data: row });
    });
  }

  /** Says which check a token fails, without signing anybody in. Asks the issuer for its keys, hence no transaction. */
  async test(id: string, text: string): Promise<TokenTestDto> {
    const connection = isUUID(id) ? await this.repository.forChecks(id) : undefined;
    if (!connection) throw new NotFound('sso_connection');
    const checks: TokenCheck[] = [enabled(connection.is_enabled)];
    const token = readToken(text);
    if (token) for await (const check of this.checks.run(token, connection)) checks.push(check);
    else checks.push({ check: 'form', passed: false, detail: 'This is no signed JWT of at most 16 KiB.' });
    return { passed: checks.every(({ passed }) => passed), checks };
  }

  private async lock(id: string): Promise<SsoConnectionRow> {
    const row = found(isUUID(id) ? await this.repository.lock(id) : undefined);
    this.preconditions.check(row);
    return row;
  }

  /** Seals the secret: undefined keeps what is there, null forgets it. */
  private async withSecret(row: SsoConnectionRow, secret: string | null | undefined): Promise<SsoConnectionRow> {
    if (secret === undefined) return row;
    const scope = { workspace_id: this.context.workspaceId(), purpose: 'sso.client-secret' };
    return found(
      await this.repository.setClientSecret(row.id, secret === null ? null : this.secrets.encrypt(secret, scope)),
    );
  }

  private checked(choice: SsoConnectionChoice): SsoConnectionChoice {
    const mistakes: FieldMistake[] = connectionMistakes(choice, this.accessTokens.issuer);
    if (mistakes.length > 0) throw new Invalid(mistakes);
    const roles = [choice.default_role, ...choice.role_rules.map(({ role }) => role)];
    const lacking = [...new Set(roles.flatMap((role) => beyond(this.context.principal(), role)))];
    if (lacking.length > 0) throw new MoreThanHeld(lacking);
    return choice;
  }
}

function found(row: SsoConnectionRow | undefined): SsoConnectionRow {
  if (!row) throw new NotFound('sso_connection');
  return row;
}

function enabled(isEnabled: boolean): TokenCheck {
  const detail = isEnabled ? 'The connection is enabled.' : 'The connection is disabled; no token is accepted.';
  return { check: 'enabled', passed: isEnabled, detail };
}
