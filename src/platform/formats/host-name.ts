import { domainToASCII } from 'node:url';

const HOST_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
const ASCII_ONLY = /^[\0-\x7f]*$/;
// The URL parser behind domainToASCII would decode a percent sign and stop at a slash: such text is no host name at all.
const FORBIDDEN_ASCII = /[\0-,/:-@[-`{-\x7f]/;
const LONGEST_HOST_NAME = 253;

/**
 * The host name as DNS knows it: lower-case ASCII letters, digits and hyphens in at least two labels (RFC 1123), without
 * the trailing dot; international names by UTS 46 to punycode. `null` for anything else, IP addresses included (the last
 * label begins with a letter).
 */
export function toHostName(text: string): string | null {
  let host = text.toLowerCase();
  if (!ASCII_ONLY.test(host) || host.includes('xn--')) {
    if (FORBIDDEN_ASCII.test(host)) return null;
    host = domainToASCII(host);
  }
  if (host.endsWith('.')) host = host.slice(0, -1);
  return host.length <= LONGEST_HOST_NAME && HOST_NAME.test(host) ? host : null;
}
