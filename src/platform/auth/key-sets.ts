import { KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { importJWK, type JWK } from 'jose';
import { Outbound } from '../outbound/outbound.js';
import type { TokenHeader } from './bearer-token.js';

/** Where the keys of an issuer are. */
export interface KeySource {
  readonly connection_id: string;
  readonly issuer: string;
  /** null: found through the issuer's discovery document (OpenID Connect Discovery 1.0, section 4). */
  readonly jwks_uri: string | null;
}

/** A key, or a sentence for the owner of the connection saying why there is none. */
export type FoundKey = { readonly key: KeyObject } | { readonly fault: string };

interface KeySet {
  readonly uri: string;
  readonly keys: readonly JWK[];
  readonly imported: Map<string, Promise<KeyObject | null>>;
  readonly fetched_at: number;
}

interface Held {
  set: KeySet | undefined;
  /** What went wrong at the last fetch. */
  fault: string;
  /** Start of the last fetch, failed or not; -Infinity before the first. */
  asked_at: number;
  under_way: Promise<true> | undefined;
  /** Key ids that the issuer did not have, and when they were asked for. */
  readonly misses: Map<string, number>;
}

const FRESH_MS = 600_000;
const STALE_MS = 86_400_000;
const REFETCH_MS = 30_000;
const MISS_MS = 120_000;
const MOST_MISSES = 1_000;
const MOST_SETS = 1_000;
const MAX_BYTES = 1_048_576;
const TIMEOUT_MS = 5_000;
const SMALLEST_RSA_BITS = 2_048;

/**
 * Keys of identity providers change without notice, and the token is the only messenger: a key id that we do not know may
 * be a new key, or one of ten thousand inventions of an attacker who wants us to storm the provider. So a set is kept for
 * ten minutes; an unknown id makes one request for all who ask, at most one in 30 s per connection, and is remembered as
 * missing. While the provider is down its last keys go on working for a day.
 */
@Injectable()
export class KeySets {
  private readonly held = new Map<string, Held>();
  /** Replaced by tests; milliseconds that only grow. */
  now = (): number => performance.now();

  constructor(private readonly outbound: Outbound) {}

  /** The key that a header names. Without `kid` the set must have exactly one key that fits. */
  async find(source: KeySource, header: TokenHeader): Promise<FoundKey> {
    const held = this.heldOf(source);
    if (!held.set || this.now() - held.set.fetched_at > FRESH_MS) await this.refresh(source, held);
    const usable = this.usable(held);
    const found = usable && (await keyIn(usable, header));
    if (found || (usable && this.isKnownMiss(held, header))) return found ?? { fault: noSuchKey(header) };
    const hasAsked = await this.refresh(source, held);
    const renewed = this.usable(held);
    if (!renewed) return { fault: held.fault || 'The keys of the issuer could not be fetched.' };
    const late = await keyIn(renewed, header);
    if (late) return late;
    if (hasAsked) rememberMiss(held, header, this.now());
    return { fault: noSuchKey(header) };
  }

  private heldOf({ connection_id, issuer, jwks_uri }: KeySource): Held {
    const name = JSON.stringify([connection_id, issuer, jwks_uri]);
    const known = this.held.get(name);
    this.held.delete(name);
    const held = known ?? { set: undefined, fault: '', asked_at: -Infinity, under_way: undefined, misses: new Map() };
    this.held.set(name, held);
    const [oldest] = this.held.keys();
    if (this.held.size > MOST_SETS && oldest !== undefined) this.held.delete(oldest);
    return held;
  }

  private usable({ set }: Held): KeySet | undefined {
    return set && this.now() - set.fetched_at <= STALE_MS ? set : undefined;
  }

  private isKnownMiss({ misses }: Held, { kid = '' }: TokenHeader): boolean {
    const at = misses.get(kid);
    return at !== undefined && this.now() - at < MISS_MS;
  }

  /** One fetch for all who wait, and none within 30 s of the last; then false. */
  private refresh(source: KeySource, held: Held): Promise<boolean> {
    if (held.under_way) return held.under_way;
    if (this.now() - held.asked_at < REFETCH_MS) return Promise.resolve(false);
    held.asked_at = this.now();
    held.under_way = this.fetch(source)
      .then((fetched) => {
        if (typeof fetched === 'string') held.fault = fetched;
        else Object.assign(held, { set: { ...fetched, imported: new Map(), fetched_at: this.now() }, fault: '' });
        return true as const;
      })
      .finally(() => (held.under_way = undefined));
    return held.under_way;
  }

  private async fetch({ issuer, jwks_uri }: KeySource): Promise<Pick<KeySet, 'uri' | 'keys'> | string> {
    const uri = jwks_uri ?? (await this.discover(issuer));
    if (typeof uri !== 'string') return uri.fault;
    const answer = await this.fetchJson(uri);
    if ('fault' in answer) return answer.fault;
    const { keys } = answer.json;
    return Array.isArray(keys)
      ? { uri, keys: keys.filter((key): key is JWK => typeof key === 'object' && key !== null).slice(0, 200) }
      : `${uri} holds no key set.`;
  }

  private async discover(issuer: string): Promise<string | { fault: string }> {
    const uri = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await this.fetchJson(uri);
    if ('fault' in answer) return answer;
    if (answer.json['issuer'] !== issuer) return { fault: `${uri} speaks for another issuer.` };
    const found = answer.json['jwks_uri'];
    return typeof found === 'string' ? found : { fault: `${uri} names no jwks_uri.` };
  }

  private async fetchJson(url: string): Promise<{ json: Record<string, unknown> } | { fault: string }> {
    const headers = { accept: 'application/jwk-set+json, application/json' };
    const answer = await this.outbound.request({
      url,
      method: 'GET',
      headers,
      timeout_ms: TIMEOUT_MS,
      max_bytes: MAX_BYTES,
    });
    if (answer.outcome === 'failed') return { fault: `${url}: ${answer.detail}` };
    if (answer.status !== 200) return { fault: `${url} answered ${answer.status}.` };
    if (answer.is_truncated) return { fault: `${url} answered more than ${MAX_BYTES} bytes.` };
    try {
      const json: unknown = JSON.parse(answer.body.toString('utf8'));
      if (typeof json === 'object' && json !== null) return { json: json as Record<string, unknown> };
    } catch {
      // Falls through to the same answer as any other body.
    }
    return { fault: `${url} did not answer with JSON.` };
  }
}

async function keyIn(set: KeySet, header: TokenHeader): Promise<{ key: KeyObject } | undefined> {
  const fitting = set.keys.filter((key) => fits(key, header));
  const [only] = fitting;
  if (!only || (header.kid === undefined && fitting.length !== 1)) return undefined;
  const name = `${header.alg} ${set.keys.indexOf(only)}`;
  const importing = set.imported.get(name) ?? importKey(only, header.alg);
  set.imported.set(name, importing);
  const key = await importing;
  return key ? { key } : undefined;
}

/** `alg`, `use` and `key_ops` of a key must fit what it is asked to do (RFC 7517, 4.2-4.4). */
function fits(key: JWK, { alg, kid }: TokenHeader): boolean {
  if (kid !== undefined && key.kid !== kid) return false;
  if (key.kty !== (alg.startsWith('ES') ? 'EC' : 'RSA')) return false;
  if (key.alg !== undefined && key.alg !== alg) return false;
  if (key.use !== undefined && key.use !== 'sig') return false;
  return key.key_ops === undefined || key.key_ops.includes('verify');
}

async function importKey(jwk: JWK, alg: string): Promise<KeyObject | null> {
  try {
    const { kty, n, e, crv, x, y } = jwk;
    const imported = await importJWK({ kty, n, e, crv, x, y } as JWK, alg, { extractable: true });
    if (imported instanceof Uint8Array) return null;
    const key = KeyObject.from(imported as Parameters<typeof KeyObject.from>[0]);
    const { modulusLength = SMALLEST_RSA_BITS } = key.asymmetricKeyDetails ?? {};
    return key.type === 'public' && modulusLength >= SMALLEST_RSA_BITS ? key : null;
  } catch {
    return null;
  }
}

function rememberMiss({ misses }: Held, { kid = '' }: TokenHeader, now: number): void {
  misses.delete(kid);
  misses.set(kid, now);
  const [oldest] = misses.keys();
  if (misses.size > MOST_MISSES && oldest !== undefined) misses.delete(oldest);
}

function noSuchKey({ alg, kid }: TokenHeader): string {
  return kid === undefined
    ? `The token names no key, and the issuer has not exactly one for ${alg}.`
    : `The issuer has no key "${kid.slice(0, 100)}" for ${alg}.`;
}
