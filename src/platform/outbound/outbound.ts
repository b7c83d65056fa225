import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type Agent, type Dispatcher, request } from 'undici';
import { OutboundConfig } from '../../../config/outbound-config.js';
import { AddressResolver } from './address-resolver.js';
import { AddressRules } from './address-rules.js';
import { detailOf, failureOf } from './failure-of.js';
import { guardedAgent, type GuardedClient, type GuardedDispatch } from './guarded-client.js';
import type { OutboundAnswer, OutboundAnswered, OutboundFailure, OutboundRequest } from './outbound-answer.js';
import { checkTarget, hostOf, type TargetPolicy } from './target-url.js';
import { TransactionProbe } from './transaction-probe.js';

const OWNED_BY_TRANSPORT = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * A tenant may name any URL, and our process stands inside a network that the tenant must not see: loopback, cloud
 * metadata, neighbours. Checking the URL is not enough, because a name can resolve to something else a second later. So
 * this is the one way out, and it decides where the connection is made: all addresses of the name are judged, the socket
 * goes to one that passed, and what it is connected to is looked at once more. Redirects are answers, never followed.
 * The other half is patience: every exchange has one wall clock and bounded memory, whatever the other side does.
 *
 * Whatever the network does is a value. Throws only when a database transaction is open (a mistake in our code).
 */
@Injectable()
export class Outbound implements OnApplicationShutdown {
  private readonly policy: TargetPolicy;
  private readonly agent: Agent;

  constructor(
    config: OutboundConfig,
    private readonly transactions: TransactionProbe,
    private readonly resolver: AddressResolver,
  ) {
    this.policy = {
      addresses: new AddressRules(config.allow_cidrs),
      allow_hosts: new Set(config.allow_hosts.map((host) => host.trim().toLowerCase().replace(/\.$/, ''))),
      allow_http: config.allow_http,
    };
    this.agent = guardedAgent(this.policy, resolver);
  }

  /** Makes one exchange. `accept-encoding` is `identity` and nothing is decompressed. */
  async request(options: OutboundRequest): Promise<OutboundAnswer> {
    this.refuseInTransaction();
    const started = performance.now();
    const failed = (reason: OutboundFailure, detail: string): OutboundAnswer => ({
      outcome: 'failed',
      reason,
      detail,
      duration_ms: elapsed(started),
    });
    const url = checkTarget(options.url, this.policyFor(options.allow_http));
    if (typeof url === 'string') return failed('address-not-allowed', url);
    const owned = Object.keys(options.headers ?? {}).find((name) => OWNED_BY_TRANSPORT.has(name.toLowerCase()));
    if (owned !== undefined) return failed('protocol', `The header ${owned} is set by the transport; leave it out.`);

    const clock = new AbortController();
    const timer = setTimeout(() => clock.abort(), options.timeout_ms);
    try {
      // undici hears an abort only once there is a connection, and a look-up may hang: the clock decides by itself.
      const answer = await Promise.race([this.exchange(url, options, clock.signal), aborted(clock.signal)]);
      return { ...answer, duration_ms: elapsed(started) };
    } catch (error) {
      if (clock.signal.aborted) return failed('timeout', detailOf('timeout'));
      const { reason, detail } = failureOf(error);
      return failed(reason, detail);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Judges a URL when it is registered, as a courtesy: form and present addresses. The check that counts is made at each
   * connection. A name that cannot be resolved now passes, for DNS may heal. `null`, or a sentence saying what is wrong.
   */
  async objectionTo(url: string, allow_http?: boolean): Promise<string | null> {
    this.refuseInTransaction();
    const target = checkTarget(url, this.policyFor(allow_http));
    if (typeof target === 'string') return target;
    const host = hostOf(target);
    if (this.policy.allow_hosts.has(host)) return null;
    const found = await this.resolver.resolve(host).catch(() => []);
    const isClosed = found.length > 0 && !found.some(({ address }) => this.policy.addresses.isAllowed(address));
    return isClosed ? detailOf('address-not-allowed') : null;
  }

  /** Like objectionTo for the form of a URL and an address written in it; asks nobody, hence also inside a transaction. */
  objectionToForm(url: string): string | null {
    const target = checkTarget(url, this.policy);
    return typeof target === 'string' ? target : null;
  }

  /** Ends all connections. */
  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  private policyFor(allow_http: boolean | undefined): TargetPolicy {
    return allow_http === true ? { ...this.policy, allow_http } : this.policy;
  }

  private refuseInTransaction(): void {
    if (this.transactions.isOpen()) {
      throw new Error('no network inside a transaction: enqueue a job, or call after the commit');
    }
  }

  private async exchange(
    url: URL,
    options: OutboundRequest,
    signal: AbortSignal,
  ): Promise<Omit<OutboundAnswered, 'duration_ms'>> {
    let client: GuardedClient | undefined;
    const call: Omit<Dispatcher.RequestOptions, 'origin' | 'path'> & Pick<GuardedDispatch, 'onClient'> = {
      method: options.method,
      headers: { 'user-agent': 'Engawa', ...lowerCased(options.headers), 'accept-encoding': 'identity' },
      body: options.body ?? null,
      signal,
      onClient: (serving) => {
        client = serving;
      },
    };
    signal.addEventListener('abort', () => client?.abandon(), { once: true });
    const answer = await request(url, { ...call, dispatcher: this.agent });
    const { body, is_truncated } = await readUpTo(answer.body, options.max_bytes);
    if (is_truncated) client?.abandon();
    return {
      outcome: 'answered',
      status: answer.statusCode,
      headers: definedOnly(answer.headers),
      body,
      is_truncated,
      remote_address: client?.remoteAddress ?? '',
    };
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('timeout')), { once: true }),
  );
}

/** Leaving the loop early destroys the body and with it the connection. */
async function readUpTo(
  stream: AsyncIterable<Buffer>,
  max_bytes: number,
): Promise<{ body: Buffer; is_truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const room = max_bytes - size;
    if (chunk.length > room) {
      chunks.push(Buffer.from(chunk.subarray(0, room)));
      return { body: Buffer.concat(chunks), is_truncated: true };
    }
    chunks.push(chunk);
    size += chunk.length;
  }
  return { body: Buffer.concat(chunks), is_truncated: false };
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function definedOnly(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined),
  );
}

function elapsed(started: number): number {
  return Math.round(performance.now() - started);
}
