import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { Agent, buildConnector, Client, type Dispatcher, Pool } from 'undici';
import type { AddressResolver, ResolvedAddress } from './address-resolver.js';
import type { TargetPolicy } from './target-url.js';

/** The guard said no, at the moment of connecting. */
export class AddressNotAllowedError extends Error {
  readonly code = 'ENGAWA_ADDRESS_NOT_ALLOWED';

  constructor() {
    super('the host has no public address');
  }
}

/** Options of a dispatch that wants to know which connection serves it. */
export interface GuardedDispatch extends Dispatcher.DispatchOptions {
  onClient?: (client: GuardedClient) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const KEPT_ALIVE_MS = 10_000;
const MAX_HEADER_BYTES = 16_384;
const CONNECTIONS_PER_ORIGIN = 256;

/** One connection at a time to one origin, opened only to addresses that the policy allows. */
export class GuardedClient extends Client {
  /** Address of the peer of the newest connection. */
  remoteAddress = '';
  private isWanted = false;

  constructor(origin: string | URL, options: Client.Options, policy: TargetPolicy, resolver: AddressResolver) {
    const open = buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      lookup: guardedLookup(policy, resolver),
      autoSelectFamily: true,
      allowH2: false,
    });
    super(origin, {
      ...options,
      connect: (target, callback) => {
        if (!this.isWanted) {
          callback(new Error('the exchange is over'), null);
          return;
        }
        const host = target.hostname.replace(/^\[|\]$/g, '');
        // A literal address is connected to without any look-up.
        if (isIP(host) !== 0 && !isAllowed(policy, host, host)) {
          callback(new AddressNotAllowedError(), null);
          return;
        }
        open(target, (...[error, socket]) => {
          if (error !== null) {
            callback(error, null);
            return;
          }
          const address = socket.remoteAddress ?? '';
          if (!isAllowed(policy, host, address)) {
            socket.destroy();
            callback(new AddressNotAllowedError(), null);
            return;
          }
          this.remoteAddress = address;
          callback(null, socket);
        });
      },
    });
  }

  override dispatch(options: GuardedDispatch, handler: Dispatcher.DispatchHandler): boolean {
    this.isWanted = true;
    options.onClient?.(this);
    return super.dispatch(options, handler);
  }

  /** To be said when an exchange ends early: undici would connect once more before it sees that nobody waits. */
  abandon(): void {
    this.isWanted = false;
  }
}

/** Pools of guarded connections by origin, kept alive for ten seconds; an origin without connections is forgotten. */
export function guardedAgent(policy: TargetPolicy, resolver: AddressResolver): Agent {
  return new Agent({
    keepAliveTimeout: KEPT_ALIVE_MS,
    keepAliveMaxTimeout: KEPT_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // The wall clock of each exchange is the one limit of time.
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
    factory: (origin, options: Pool.Options) =>
      new Pool(origin, {
        ...options,
        connections: CONNECTIONS_PER_ORIGIN,
        factory: (poolOrigin, clientOptions) => new GuardedClient(poolOrigin, clientOptions, policy, resolver),
      }),
  });
}

/** The connection goes to the very addresses that were checked: there is no second look-up that could answer otherwise. */
function guardedLookup(policy: TargetPolicy, resolver: AddressResolver): LookupFunction {
  const resolve = callbackify((hostname: string) => allowedAddresses(hostname, policy, resolver));
  return (hostname, options, callback) => {
    resolve(hostname, (error, found) => {
      const [first] = error === null ? found : [];
      if (first === undefined) callback(error ?? noAddress(hostname), '', 0);
      else if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}

async function allowedAddresses(
  hostname: string,
  policy: TargetPolicy,
  resolver: AddressResolver,
): Promise<ResolvedAddress[]> {
  const found = await resolver.resolve(hostname);
  if (found.length === 0) throw noAddress(hostname);
  const allowed = found.filter(({ address }) => isAllowed(policy, hostname, address));
  if (allowed.length === 0) throw new AddressNotAllowedError();
  return allowed;
}

function isAllowed(policy: TargetPolicy, hostname: string, address: string): boolean {
  return policy.allow_hosts.has(hostname.toLowerCase().replace(/\.$/, '')) || policy.addresses.isAllowed(address);
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' });
}
