import { isIP } from 'node:net';
import type { AddressRules } from './address-rules.js';

/** What the operator opens, in the form the check needs. */
export interface TargetPolicy {
  readonly addresses: AddressRules;
  /** Lower-case names without trailing dot. */
  readonly allow_hosts: ReadonlySet<string>;
  readonly allow_http: boolean;
}

const LONGEST_URL = 2048;

/**
 * Checks the form of a URL that a tenant named, and its address where one is written: `https` (or `http` where allowed),
 * no user information, no fragment, port 443, 80 or from 1024, no IP address in an odd notation. WHATWG parsing comes
 * first, so what is judged is what would be connected to. Answers the URL, or a sentence saying what is wrong.
 */
export function checkTarget(text: string, policy: TargetPolicy): URL | string {
  if (text.length > LONGEST_URL) return `The URL is longer than ${LONGEST_URL} characters.`;
  if (!URL.canParse(text)) return 'This is no absolute URL; write it like https://hooks.example.com/path.';
  const url = new URL(text);
  const host = hostOf(url);
  const isOpened = policy.allow_hosts.has(host);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'The URL must begin with https://.';
  if (url.protocol === 'http:' && !policy.allow_http && !isOpened) return 'The URL must use https, not http.';
  if (url.username !== '' || url.password !== '') return 'The URL must not hold a user name or password; use a header.';
  if (url.href.includes('#')) return 'The URL must not have a fragment (#...).';
  if (url.port !== '' && Number(url.port) < 1024 && url.port !== '443' && url.port !== '80') {
    return `Port ${url.port} is not allowed; use 443, 80 or one from 1024.`;
  }
  if (isIP(host) === 4 && !text.includes(`//${host}`))
    return 'Write the IP address in its usual notation, or use a name.';
  if (isIP(host) !== 0 && !isOpened && !policy.addresses.isAllowed(host)) {
    return 'The URL points to an address that is not public.';
  }
  return url;
}

/** The host as names and addresses are compared: no brackets, no trailing dot. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}
