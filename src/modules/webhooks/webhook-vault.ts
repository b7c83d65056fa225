import { Injectable } from '@nestjs/common';
import { Context } from '../../platform/context/context.js';
import { Secrets } from '../../platform/secrets/secrets.js';
import type { SigningSecret } from './signing-secret.js';

const SECRET = 'webhooks.secret';
const HEADERS = 'webhooks.headers';

/** Seals what a receiver entrusts to us, and opens it where it is sent. Works in the workspace of the caller. */
@Injectable()
export class WebhookVault {
  constructor(
    private readonly secrets: Secrets,
    private readonly context: Context,
  ) {}

  sealSecret({ text }: SigningSecret): Buffer {
    return this.secrets.encrypt(text, this.scope(SECRET));
  }

  /** @throws {Error} when the ciphertext cannot be opened. */
  openSecret(ciphertext: Buffer): SigningSecret {
    const text = this.secrets.decrypt(ciphertext, this.scope(SECRET)).toString('utf8');
    return { kind: text.startsWith('whsk_') ? 'ed25519' : 'hmac', text };
  }

  /** Null when there are none. */
  sealHeaders(headers: Readonly<Record<string, string>>): Buffer | null {
    if (Object.keys(headers).length === 0) return null;
    return this.secrets.encrypt(JSON.stringify(headers), this.scope(HEADERS));
  }

  /** @throws {Error} when the ciphertext cannot be opened. */
  openHeaders(ciphertext: Buffer | null): Record<string, string> {
    if (ciphertext === null) return {};
    return JSON.parse(this.secrets.decrypt(ciphertext, this.scope(HEADERS)).toString('utf8')) as Record<string, string>;
  }

  private scope(purpose: string) {
    return { workspace_id: this.context.workspaceId(), purpose };
  }
}
