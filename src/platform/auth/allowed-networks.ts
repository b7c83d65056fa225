import { BlockList, isIP, isIPv6 } from 'node:net';

const MOST_KEPT = 1_000;
const kept = new Map<string, BlockList>();

/** True when an address lies in one of the networks (CIDR). Null or empty: no restriction. */
export function isAllowedFrom(networks: readonly string[] | null, ip: string | null): boolean {
  if (networks === null || networks.length === 0) return true;
  return ip !== null && listOf(networks).check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}

/** True for an address, or an address and a number of bits: 10.0.0.0/8, 2001:db8::/32. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
}

function listOf(networks: readonly string[]): BlockList {
  const name = networks.join(' ');
  const known = kept.get(name);
  if (known) return known;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(name, list);
  return list;
}
