import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/**
 * Whose address a request comes from. `X-Forwarded-For` is written by whoever likes, so it is read from its right end, and
 * only as far as each hop is a proxy that the operator trusts: the first address that is none is the client.
 */
export class TrustedAddress {
  private readonly proxies = new BlockList();
  private readonly hasProxies: boolean;

  /**
   * @param cidrs addresses or networks of trusted proxies; none: the header is ignored.
   * @throws {Error} naming the first that is no address and no CIDR.
   */
  constructor(cidrs: readonly string[]) {
    this.hasProxies = cidrs.length > 0;
    for (const cidr of cidrs) this.trust(cidr);
  }

  /** The client's address, normalised, or null when the socket is gone. */
  of(socketAddress: string | undefined, forwardedFor: string | readonly string[] | undefined): string | null {
    let address = normalAddress(socketAddress ?? '');
    if (address === null || !this.hasProxies || forwardedFor === undefined || forwardedFor.length === 0) return address;
    const hops = (typeof forwardedFor === 'string' ? forwardedFor : forwardedFor.join(',')).split(',');
    while (hops.length > 0 && this.isTrusted(address)) {
      const hop = normalAddress(withoutPort((hops.pop() as string).trim()));
      if (hop === null) break;
      address = hop;
    }
    return address;
  }

  private isTrusted(address: string): boolean {
    return this.proxies.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }

  private trust(cidr: string): void {
    const [network = '', bits, ...rest] = cidr.split('/');
    const address = isIPv6(network) ? network : normalAddress(network);
    const most = isIPv4(network) ? 32 : 128;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (address === null || rest.length > 0 || !(prefix <= most)) {
      throw new Error(`"${cidr}" is no address and no CIDR such as 10.0.0.0/8`);
    }
    this.proxies.addSubnet(address, prefix, most === 32 ? 'ipv4' : 'ipv6');
  }
}

/** The subject of the `address` policy: an IPv4 address, or the /64 of an IPv6 address, which one caller has to itself. */
export function addressSubject(address: string): string {
  const normal = normalAddress(address) ?? address;
  return isIPv6(normal) ? `${groupsOf(normal).slice(0, 4).join(':')}::/64` : normal;
}

/** One spelling per address: an IPv4-mapped IPv6 address is IPv4, zones are dropped; null when it is no address. */
function normalAddress(text: string): string | null {
  const address = text.replace(/%.*$/s, '').toLowerCase();
  if (isIPv4(address)) return address;
  if (isIP(address) !== 6) return null;
  const groups = groupsOf(address);
  const [high = '0', low = '0'] = groups.slice(6);
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
    return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
  }
  return address;
}

/** The eight groups of an IPv6 address, without leading zeros (RFC 4291, 2.2). */
function groupsOf(address: string): string[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) => {
    return `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const between = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(between).fill('0'), ...after].map((group) => group.replace(/^0+(?=.)/, ''));
}

/** Some proxies add a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
}
