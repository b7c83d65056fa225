import { createHash } from 'node:crypto';

const MOST_KEPT = 10_000;

/**
 * Checking a signature costs more than everything else in the guard, and its outcome does not change while the token
 * lives. So tokens that passed are remembered by their SHA-256, least recently used first out. Only the signature is: key,
 * session, membership and connection are looked up for every request.
 */
export class VerifiedTokens {
  private readonly until = new Map<string, number>();

  /** @param against what the token was checked against; another version of it asks for a new check. */
  has(token: string, against: string): boolean {
    const key = keyOf(token, against);
    const until = this.until.get(key);
    if (until === undefined) return false;
    this.until.delete(key);
    if (until <= Date.now()) return false;
    this.until.set(key, until);
    return true;
  }

  /** @param untilMs end of the token, in milliseconds of the epoch. */
  add(token: string, against: string, untilMs: number): void {
    this.until.set(keyOf(token, against), untilMs);
    if (this.until.size <= MOST_KEPT) return;
    const [oldest] = this.until.keys();
    if (oldest !== undefined) this.until.delete(oldest);
  }
}

function keyOf(token: string, against: string): string {
  return createHash('sha256').update(against).update('\0').update(token).digest('base64url');
}
