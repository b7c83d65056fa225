import { parse } from 'tldts';
import { toHostName } from './host-name.js';
import { type Parsed, quoted, refused } from './parsed.js';

/** A company's domain. */
export interface Domain {
  /** The host without `www.`, in lower-case ASCII: `shop.example.co.uk`. */
  value: string;
  /** The part that was registered: `example.co.uk`. */
  registrable: string;
}

const RULES = { extractHostname: false, validateHostname: false, detectIp: false, allowPrivateDomains: false };

/**
 * Reads a domain from a domain, a host or a whole URL: scheme, user information, port, path, every leading `www.` and the
 * trailing dot are taken off, international names become punycode. It must lie below a suffix of the ICANN part of the
 * Public Suffix List, so `co.uk`, `localhost`, `printer.local` and IP addresses are refused.
 */
export function parseDomain(text: string): Parsed<Domain> {
  const host = toHostName(hostPart(text.trim()));
  if (host === null) return refused(`${quoted(text)} is no domain name; it looks like example.com.`);
  const found = parse(host, RULES);
  if (found.isIcann !== true) {
    const suffix = quoted(host.slice(host.lastIndexOf('.') + 1));
    return refused(`${suffix} is no public suffix; a domain looks like example.com or example.co.uk.`);
  }
  if (found.domain === null) {
    return refused(
      `${quoted(host)} is a suffix under which others register; give the domain below it: example.${host}.`,
    );
  }
  let value = host;
  while (value.startsWith('www.') && value !== found.domain) value = value.slice(4);
  return { ok: true, value, registrable: found.domain };
}

function hostPart(text: string): string {
  const rest = text.replace(/^(?:[a-z][a-z0-9+.-]*:)?\/\//i, '');
  const end = rest.search(/[/?#\\]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  return authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '');
}
