import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/**
 * Tenants entrust us with credentials of other systems. A stolen database dump must not give them away, and a row copied
 * into another workspace, or into another column, must not decrypt there. So every secret is sealed with AES-256-GCM under
 * a key derived (HKDF, RFC 5869) from the installation's master secret for one workspace and purpose, and both are
 * authenticated with it (AAD).
 *
 * Envelope: version (1 byte, 0x01), id of the master secret (4 bytes), nonce (12 random bytes), ciphertext, tag (16 bytes).
 * The id makes rotation possible: the new master secret seals, former ones still open, {@link Secrets.isCurrent} tells
 * what is to be sealed again.
 */
export class Secrets {
  private readonly current: MasterSecret;
  private readonly known: ReadonlyMap<string, MasterSecret>;

  /**
   * @param master the installation's master secret, at least 32 characters
   * @param former earlier master secrets that may still have sealed something
   */
  constructor(master: string, former: readonly string[] = []) {
    this.current = masterSecret(master);
    this.known = new Map(
      [...former.map(masterSecret), this.current].map((secret) => [secret.id.toString('hex'), secret]),
    );
  }

  /** Seals a text (UTF-8) or bytes; each call gives other bytes. The envelope is 33 bytes longer than the plaintext. */
  encrypt(plaintext: Buffer | string, scope: SecretScope): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const header = Buffer.concat([Buffer.of(VERSION), this.current.id]);
    const cipher = createCipheriv(ALGORITHM, keyFor(this.current, scope), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.concat([header, scopeBytes(scope)]));
    const sealed = Buffer.concat([cipher.update(asBytes(plaintext)), cipher.final()]);
    return Buffer.concat([header, nonce, sealed, cipher.getAuthTag()]);
  }

  /** @throws SecretUnreadableError when the envelope is damaged, of another scope, or of an unknown master secret */
  decrypt(envelope: Buffer, scope: SecretScope): Buffer {
    if (envelope.length < OVERHEAD_BYTES) throw new SecretUnreadableError('damaged');
    if (envelope[0] !== VERSION) throw new SecretUnreadableError('unknown-version');
    const header = envelope.subarray(0, HEADER_BYTES);
    const master = this.known.get(header.subarray(1).toString('hex'));
    if (master === undefined) throw new SecretUnreadableError('unknown-key');
    const nonce = envelope.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, keyFor(master, scope), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([header, scopeBytes(scope)]));
    decipher.setAuthTag(envelope.subarray(-TAG_BYTES));
    const opened = decipher.update(envelope.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES));
    try {
      return Buffer.concat([opened, decipher.final()]);
    } catch {
      throw new SecretUnreadableError('damaged');
    }
  }

  /** False when the envelope was sealed by a former master secret and should be sealed again. */
  isCurrent(envelope: Buffer): boolean {
    return envelope[0] === VERSION && envelope.subarray(1, HEADER_BYTES).equals(this.current.id);
  }
}

/** What a secret belongs to. It can be opened only with the very same values. */
export interface SecretScope {
  readonly workspace_id: string;
  /** What it is for, such as `webhooks.signing`. */
  readonly purpose: string;
}

/** A sealed secret that cannot be opened. Says why, never what. */
export class SecretUnreadableError extends Error {
  constructor(readonly reason: 'damaged' | 'unknown-version' | 'unknown-key') {
    super(`sealed secret cannot be opened: ${reason}`);
    this.name = 'SecretUnreadableError';
  }
}

/** A password that any process can compute from the master secret: HMAC-SHA-256 of the label, base64url, 43 characters. */
export function derivePassword(master: string, label: string): string {
  return createHmac('sha256', master).update(label).digest('base64url');
}

interface MasterSecret {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

const ALGORITHM = 'aes-256-gcm';
const VERSION = 1;
const ID_BYTES = 4;
const HEADER_BYTES = 1 + ID_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;
const SHORTEST_MASTER = 32;

function masterSecret(text: string): MasterSecret {
  if (text.length < SHORTEST_MASTER) throw new Error(`a master secret has at least ${SHORTEST_MASTER} characters`);
  const bytes = Buffer.from(text, 'utf8');
  return { bytes, id: derive(bytes, 'engawa secrets v1 id', ID_BYTES) };
}

/** One key per workspace and purpose also keeps the number of random nonces under one key far from 2^32 (NIST SP 800-38D). */
function keyFor(master: MasterSecret, scope: SecretScope): Buffer {
  // HKDF allows 1,024 bytes of info, hence the digest.
  const digest = createHash('sha256').update(scopeBytes(scope)).digest('hex');
  return derive(master.bytes, `engawa secrets v1 key ${digest}`, 32);
}

function derive(master: Buffer, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', info, length));
}

/** As JSON, so that no two scopes have the same bytes. */
function scopeBytes({ workspace_id, purpose }: SecretScope): Buffer {
  return Buffer.from(JSON.stringify([workspace_id, purpose]), 'utf8');
}

function asBytes(plaintext: Buffer | string): Buffer {
  return typeof plaintext === 'string' ? Buffer.from(plaintext, 'utf8') : plaintext;
}
