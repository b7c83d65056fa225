import { toHostName } from './host-name.js';
import { type Parsed, quoted, refused } from './parsed.js';

/** A mailbox address: `value` is what is stored and shown, `key` is what is matched (the same text). */
export interface Email {
  value: string;
  key: string;
}

const LONGEST_ADDRESS = 320;
const LONGEST_LOCAL_PART_BYTES = 64;
const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** The shape of nearly every address there is; what does not match is looked at closely, not refused. */
const PLAIN = new RegExp(`^${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$`);
const INTERNATIONAL_ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\u{10ffff}-]+";
const DOT_STRING = new RegExp(`^${INTERNATIONAL_ATOM}(?:\\.${INTERNATIONAL_ATOM})*$`, 'u');
const QUOTED_STRING = /^"(?:[ !#-[\]-~]|\\[ -~])+"$/;
const INVISIBLE = /[\p{C}\p{Z}]/u;

/**
 * Reads one e-mail address (RFC 5321 shape, local parts of RFC 6531 included) into its normal form: trimmed, a leading
 * `mailto:` taken off, NFC, lower-case, the domain by UTS 46 to ASCII without trailing dot; at most 320 characters.
 * Dots and plus signs stay, because with them it is another mailbox. Addresses at an IP literal or at a name without a
 * dot are refused: no mail from outside reaches them.
 */
export function parseEmail(text: string): Parsed<Email> {
  let address = text.trim().toLowerCase();
  if (address.startsWith('mailto:')) address = withoutMailto(address);
  if (address.length <= LONGEST_ADDRESS && PLAIN.test(address)) {
    const at = address.indexOf('@');
    if (at <= LONGEST_LOCAL_PART_BYTES && address.length - at <= 254 && !address.includes('xn--', at)) {
      return { ok: true, value: address, key: address };
    }
  }
  return parseClosely(address.normalize('NFC').toLowerCase().normalize('NFC').trim());
}

function withoutMailto(address: string): string {
  const query = address.indexOf('?', address.indexOf('@'));
  return (query < 0 ? address : address.slice(0, query)).slice('mailto:'.length).trim();
}

function parseClosely(address: string): Parsed<Email> {
  if (address === '') return refused('An e-mail address is expected, like ada@example.com.');
  if (address.length > LONGEST_ADDRESS) {
    return refused(`An e-mail address has at most ${LONGEST_ADDRESS} characters; this one has ${address.length}.`);
  }
  const at = address.lastIndexOf('@');
  if (at < 0) return refused(`${quoted(address)} has no @; an e-mail address looks like ada@example.com.`);
  const local = address.slice(0, at);
  if (INVISIBLE.test(local) && !QUOTED_STRING.test(local)) {
    return refused(
      `${quoted(address)} is no e-mail address: write the bare address, without name, spaces or brackets.`,
    );
  }
  if (!DOT_STRING.test(local) && !QUOTED_STRING.test(local)) {
    return refused(`The part before the @ of ${quoted(address)} is not valid; write it like ada.lovelace@example.com.`);
  }
  if (Buffer.byteLength(local) > LONGEST_LOCAL_PART_BYTES) {
    return refused(`The part before the @ has at most ${LONGEST_LOCAL_PART_BYTES} bytes (RFC 5321).`);
  }
  const host = toHostName(address.slice(at + 1));
  if (host === null) {
    return refused(`The part after the @ of ${quoted(address)} is no domain name; it looks like example.com.`);
  }
  const value = `${local}@${host}`;
  return value.length > LONGEST_ADDRESS
    ? refused(`An e-mail address has at most ${LONGEST_ADDRESS} characters.`)
    : { ok: true, value, key: value };
}
