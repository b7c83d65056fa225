import { createHmac, sign } from 'node:crypto';
import { hmacKey, privateKeyOf, type SigningSecret } from './signing-secret.js';

/** One message to be signed. */
export interface Message {
  /** `webhook-id`; holds no dot, for dots part what is signed. */
  readonly id: string;
  /** Unix seconds of this attempt. */
  readonly timestamp_s: number;
  /** The very bytes that are sent. */
  readonly body: Buffer;
}

/**
 * The value of `webhook-signature` (Standard Webhooks 1.0): one signature of `{id}.{timestamp}.{body}` for each secret, in
 * the order given, parted by spaces; `v1,` HMAC-SHA256, `v1a,` Ed25519, both base64. Bytes are signed, never a decoded text.
 * @throws {Error} when a secret cannot sign.
 */
export function signMessage(message: Message, secrets: readonly SigningSecret[]): string {
  const signed = Buffer.concat([Buffer.from(`${message.id}.${message.timestamp_s}.`, 'utf8'), message.body]);
  return secrets.map((secret) => signatureOf(secret, signed)).join(' ');
}

function signatureOf({ kind, text }: SigningSecret, signed: Buffer): string {
  switch (kind) {
    case 'hmac':
      return `v1,${createHmac('sha256', hmacKey(text)).update(signed).digest('base64')}`;
    case 'ed25519':
      return `v1a,${sign(null, signed, privateKeyOf(text)).toString('base64')}`;
  }
}
