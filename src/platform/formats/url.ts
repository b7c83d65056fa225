import { isIP } from 'node:net';
import { toHostName } from './host-name.js';
import { type Parsed, quoted, refused } from './parsed.js';

/** A web address that may be shown as a link. */
export interface WebAddress {
  /** Absolute `http` or `https` address as the WHATWG URL standard writes it, without the slash of an empty path. */
  value: string;
  /** For matching: without scheme, `www.`, fragment and trailing slash. */
  key: string;
}

const LONGEST_URL = 2048;
const SCHEME_WITH_SLASHES = /^([a-z][a-z0-9+.-]*):\/\//i;
const SCHEME_LIKE = /^([a-z][a-z0-9+.-]*):(?!\d{1,5}(?:[/?#]|$))/i;
const CONTROL_OR_SPACE = /[\p{Cc}\p{Cs}\s]/u;

/**
 * Reads a website: `https://` is put before an address without scheme; only `http` and `https` are accepted, so
 * `javascript:` and the like can never become a link; no user information; at most 2048 characters.
 */
export function parseWebsite(text: string): Parsed<WebAddress> {
  const written = text.trim();
  if (written === '') return refused('A web address is expected, like https://example.com.');
  if (written.length > LONGEST_URL) return refused(`A web address has at most ${LONGEST_URL} characters.`);
  // The URL parser drops tabs and line breaks, which is how "java\nscript:" gets past naive checks.
  if (CONTROL_OR_SPACE.test(written)) return refused('A web address has no spaces or control characters; use %20.');
  const scheme = (SCHEME_WITH_SLASHES.exec(written) ?? SCHEME_LIKE.exec(written))?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    return refused(`A web address begins with https:// or http://, not with ${quoted(`${scheme}:`)}.`);
  }
  const absolute = scheme === undefined ? `https://${written.replace(/^\/\//, '')}` : written;
  if (!URL.canParse(absolute))
    return refused(`${quoted(written)} is no web address; it looks like https://example.com.`);
  const url = new URL(absolute);
  if (url.username !== '' || url.password !== '') {
    return refused('A web address must not hold a user name or password; write it without the part before the @.');
  }
  // Assigning takes away a lone ? or #, which the parser keeps.
  if (url.search === '') url.search = '';
  if (url.hash === '') url.hash = '';
  const isAddress = isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0;
  // A bare number such as 1.5 would be read as an IPv4 address in an odd notation.
  if (isAddress ? !absolute.toLowerCase().includes(`//${url.hostname}`) : toHostName(url.hostname) === null) {
    return refused(`${quoted(written)} has no domain name; a web address looks like https://example.com.`);
  }
  const value = url.pathname === '/' && url.search === '' && url.hash === '' ? url.href.slice(0, -1) : url.href;
  if (value.length > LONGEST_URL) return refused(`A web address has at most ${LONGEST_URL} characters once encoded.`);
  const path = `${url.pathname}${url.search}`.replace(/\/$/, '');
  return { ok: true, value, key: `${url.host.replace(/^www\./, '')}${path}` };
}
