import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Injectable } from '@nestjs/common';
import { calculateJwkThumbprint } from 'jose';
import { SystemDatabase } from '../database/system-database.js';
import { Secrets } from '../secrets/secrets.js';

/** A key pair of ours; `id` is the `kid` of what it signs: its RFC 7638 thumbprint. */
export interface SigningKey {
  readonly id: string;
  readonly private_key: KeyObject;
  readonly public_key: KeyObject;
}

const CREATION_LOCK = 7_239_480_244;
const SCOPE = { workspace_id: 'installation', purpose: 'auth.signing-keys' };
/** An unknown `kid` makes one query per process and this time. */
const RELOAD_MS = 5_000;

/** The ES256 keys (RFC 7518, 3.4) of our access tokens: made at first use, shared by all processes, sealed at rest. */
@Injectable()
export class SigningKeys {
  private keys: readonly SigningKey[] = [];
  private loaded_at = -Infinity;
  private loading: Promise<void> | undefined;

  constructor(
    private readonly database: SystemDatabase,
    private readonly secrets: Secrets,
  ) {}

  /** The youngest key, which signs. */
  async current(): Promise<SigningKey> {
    if (this.keys.length === 0) await this.load();
    const [known] = this.keys;
    if (known) return known;
    await this.create();
    await this.load();
    const [made] = this.keys;
    if (!made) throw new Error('the signing key that was just made cannot be read');
    return made;
  }

  /** The key of a `kid`, or undefined when we have none such. */
  async find(id: string): Promise<SigningKey | undefined> {
    const known = this.keys.find((key) => key.id === id);
    if (known || performance.now() - this.loaded_at < RELOAD_MS) return known;
    await this.load();
    return this.keys.find((key) => key.id === id);
  }

  private load(): Promise<void> {
    this.loading ??= this.read().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async read(): Promise<void> {
    const rows = await this.database.query<{ id: string; ciphertext: Buffer }>(
      'select id, ciphertext from signing_keys where retired_at is null order by created_at desc, id',
    );
    this.keys = rows.map(({ id, ciphertext }) => {
      const private_key = createPrivateKey(this.secrets.decrypt(ciphertext, SCOPE).toString('utf8'));
      return { id, private_key, public_key: createPublicKey(private_key) };
    });
    this.loaded_at = performance.now();
  }

  /** Several processes may come here together; the first makes the key. */
  private async create(): Promise<void> {
    const pair = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
    const id = await calculateJwkThumbprint(pair.publicKey.export({ format: 'jwk' }) as { kty: string });
    const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
    await this.database.transaction(async () => {
      await this.database.query('select pg_advisory_xact_lock($1)', [CREATION_LOCK]);
      await this.database.execute(
        `insert into signing_keys (id, ciphertext) select $1, $2
         where not exists (select from signing_keys where retired_at is null)`,
        [id, this.secrets.encrypt(pem.toString(), SCOPE)],
      );
    });
  }
}
