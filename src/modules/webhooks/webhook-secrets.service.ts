import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../../platform/database/database.js';
import { Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { Events } from '../../platform/events/events.js';
import { chooseSecret } from './read-webhook.js';
import { publicKeyOf } from './signing-secret.js';
import { WebhookVault } from './webhook-vault.js';
import { WebhookViews } from './webhook-views.js';
import type { CreatedSecretDto, PublicKeysDto, RotateSecret } from './webhooks.dto.js';
import { TooManySecrets } from './webhooks.errors.js';
import { WebhooksRepository } from './webhooks.repository.js';

const MAX_SECRETS = 5;

/** A receiver cannot change its secret in the very moment in which we do, so old and new sign side by side for a while. */
@Injectable()
export class WebhookSecretsService {
  constructor(
    private readonly db: Database,
    private readonly events: Events,
    private readonly webhooks: WebhooksRepository,
    private readonly vault: WebhookVault,
    private readonly views: WebhookViews,
  ) {}

  /** Gives a new secret; the present ones stay valid for the grace time. @throws {Problem} 404, 409 too-many-secrets, 422. */
  rotate(id: string, { kind, secret: given, grace_s }: RotateSecret): Promise<CreatedSecretDto> {
    return this.db.transaction(async () => {
      const webhook = isUUID(id) ? await this.webhooks.lock(id) : undefined;
      if (!webhook) throw new NotFound('webhook');
      const [newest] = await this.webhooks.secrets(id);
      const secret = chooseSecret(given, kind, newest?.kind);
      if ('detail' in secret) throw new Invalid([secret]);
      await this.webhooks.retireSecrets(id, grace_s);
      if ((await this.webhooks.secrets(id)).length >= MAX_SECRETS) throw new TooManySecrets(MAX_SECRETS);
      const added = await this.webhooks.addSecret(uuidv7(), id, secret.kind, this.vault.sealSecret(secret));
      this.events.publish('webhook.secret_rotated', { subject_id: id, data: this.views.show(webhook) });
      return { ...added, secret: secret.text };
    });
  }

  /** What a receiver verifies Ed25519 signatures with. */
  publicKeys(id: string): Promise<PublicKeysDto> {
    return this.db.read(async () => {
      if (!isUUID(id) || !(await this.webhooks.find(id))) throw new NotFound('webhook');
      const secrets = await this.webhooks.secrets(id);
      const items = secrets
        .filter(({ kind }) => kind === 'ed25519')
        .map(({ id: secret_id, ciphertext, expires_at }) => ({
          secret_id,
          public_key: publicKeyOf(this.vault.openSecret(ciphertext).text),
          expires_at,
        }));
      return { items };
    });
  }
}
