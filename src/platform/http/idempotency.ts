import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Context } from '../context/context.js';
import { Database } from '../database/database.js';
import { SystemDatabase } from '../database/system-database.js';
import { Conflict, Invalid, UnreadableRequest } from '../errors/contract-problems.js';
import { Scheduled } from '../scheduling/scheduled.decorator.js';
import { Secrets } from '../secrets/secrets.js';

/** One request that must run at most once. */
export interface OnceRequest {
  /** The caller's key, 1..255 characters. */
  readonly key: string;
  /** What is called: method and path, or the tool's name. */
  readonly operation: string;
  readonly input: unknown;
}

/** What is stored and replayed. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly location?: string;
}

/**
 * A client that lost an answer must be able to ask again without doing the work twice. Record and work commit in one
 * transaction: either both exist or neither does, whenever the process dies. While one request runs, an advisory
 * lock on its key tells the others so at once. Failed requests are not stored: asking again tries again.
 */
@Injectable()
export class Idempotency {
  constructor(
    private readonly database: Database,
    private readonly context: Context,
    private readonly secrets: Secrets,
    private readonly system: SystemDatabase,
  ) {}

  /** Forgets answers after a day. */
  @Scheduled({ name: 'idempotency.expire', every_ms: 3_600_000 })
  async expire(): Promise<void> {
    await this.system.execute(`delete from idempotency_keys where created_at < now() - interval '24 hours'`);
  }

  async once(
    { key: written, operation, input }: OnceRequest,
    work: () => Promise<StoredAnswer>,
  ): Promise<StoredAnswer & { readonly is_replay: boolean }> {
    const key = readKey(written);
    const principal = this.context.principal();
    const workspace_id = principal.workspace_id;
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([operation, input ?? null]))
      .digest();
    const lock = createHash('sha256')
      .update(`${workspace_id} ${principal.id} ${key}`)
      .digest()
      .readBigInt64BE()
      .toString();
    return this.database.transaction(async () => {
      const [[locked], [stored]] = (await this.database.queryAll([
        { text: 'select pg_try_advisory_xact_lock($1::bigint) as is_ours', values: [lock] },
        {
          text: `select fingerprint, answer from idempotency_keys
                 where principal_id = $1 and key = $2 and created_at > now() - interval '24 hours'`,
          values: [principal.id, key],
        },
      ])) as [{ is_ours: boolean }[], { fingerprint: Buffer; answer: Buffer }[]];
      if (stored) {
        if (!stored.fingerprint.equals(fingerprint)) {
          throw new Invalid([
            { pointer: '', detail: 'This Idempotency-Key was used for another request. Use a new key.' },
          ]);
        }
        const answer = JSON.parse(
          this.secrets.decrypt(stored.answer, { workspace_id, purpose: 'idempotency' }).toString('utf8'),
        ) as StoredAnswer;
        return { ...answer, is_replay: true };
      }
      if (!locked?.is_ours) {
        throw new Conflict(
          'request-under-way',
          'The same request is under way',
          'A request with this Idempotency-Key still runs. Ask again shortly.',
          {
            headers: { 'retry-after': '1' },
          },
        );
      }
      const answer = await work();
      const ciphertext = this.secrets.encrypt(JSON.stringify(answer), { workspace_id, purpose: 'idempotency' });
      await this.database.query(
        `insert into idempotency_keys (principal_id, key, fingerprint, answer) values ($1, $2, $3, $4)
         on conflict (workspace_id, principal_id, key)
         do update set fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()`,
        [principal.id, key, fingerprint, ciphertext],
      );
      return { ...answer, is_replay: false };
    });
  }
}

/** The draft writes the key as a structured string, `"abc"`; a bare one is accepted as well. */
function readKey(written: string): string {
  const key = /^"(.*)"$/.exec(written.trim())?.[1] ?? written.trim();
  if (key === '' || key.length > 255) throw new UnreadableRequest('Idempotency-Key must have 1 to 255 characters.');
  return key;
}
