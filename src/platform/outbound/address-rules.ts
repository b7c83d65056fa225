import { BlockList, isIP, isIPv4 } from 'node:net';

/**
 * Addresses that are not the public internet (the special-purpose registries of IANA, RFC 6890, with multicast and the
 * transition ranges that carry an IPv4 address inside). A v4-mapped address is judged by its IPv4 address.
 */
const NOT_PUBLIC: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** Which addresses a connection may go to. */
export class AddressRules {
  private readonly notPublic = blockList(NOT_PUBLIC);
  private readonly allowed: BlockList;

  /**
   * @param allow_cidrs networks that the operator opens, or single addresses; anything else throws, for a typing error
   * here must stop the start.
   */
  constructor(allow_cidrs: readonly string[]) {
    this.allowed = blockList(allow_cidrs);
  }

  /** True when the address is public or opened by the operator. Text that is no address is never allowed. */
  isAllowed(address: string): boolean {
    const plain = unmapped(address);
    if (plain === null) return false;
    const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
    return this.allowed.check(plain, family) || !this.notPublic.check(plain, family);
  }
}

/** The address in canonical form, IPv4 where it is v4-mapped (`::ffff:7f00:1` -> `127.0.0.1`); null for anything else. */
function unmapped(address: string): string | null {
  // An address with a zone (fe80::1%eth0) is bound to a link, hence never public.
  if (isIP(address) === 0 || address.includes('%')) return null;
  if (isIPv4(address)) return address;
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const high = Number.parseInt(mapped[1] ?? '', 16);
  const low = Number.parseInt(mapped[2] ?? '', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', prefix, ...rest] = cidr.trim().split('/');
    const family = isIP(network);
    const longest = family === 4 ? 32 : 128;
    const bits = prefix === undefined ? longest : Number(prefix);
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && bits <= longest);
    if (family === 0 || !isPrefix || rest.length > 0) {
      throw new Error(`"${cidr}" is no network; write it like 10.0.0.0/8 or fd00::/8`);
    }
    list.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
