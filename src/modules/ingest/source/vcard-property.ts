import { isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

/** A property of a card. The value is in octets, undecoded; see {@link textOf}, {@link partsOf} and {@link bytesOf}. */
export interface VcardProperty {
  readonly group: string | undefined;
  /** Upper case. */
  readonly name: string;
  /** Upper-case names; values as written, `^n ^' ^^` resolved (RFC 6868). Bare parameters are under TYPE or ENCODING. */
  readonly params: ReadonlyMap<string, readonly string[]>;
  readonly value: string;
  readonly line: number;
}

const NO_PARAMS: ReadonlyMap<string, readonly string[]> = new Map();
const ENCODINGS = new Set(['QUOTED-PRINTABLE', 'BASE64', 'B', '8BIT', '7BIT']);

/** Reads a content line `[group.]name *(;param) : value`; null when it has no colon outside quotes or no name. */
export function parseProperty(text: string, line: number): VcardProperty | null {
  let colon = -1;
  let isQuoted = false;
  let hasParams = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) isQuoted = !isQuoted && text.indexOf('"', at + 1) > 0;
    else if (isQuoted) continue;
    else if (code === 0x3a) {
      colon = at;
      break;
    } else if (code === 0x3b) hasParams = true;
  }
  if (colon < 0) return null;
  const head = text.slice(0, colon);
  const nameEnd = hasParams ? head.indexOf(';') : colon;
  const fullName = head.slice(0, nameEnd).trim();
  const dot = fullName.lastIndexOf('.');
  const name = fullName.slice(dot + 1).toUpperCase();
  if (name === '') return null;
  return {
    group: dot < 0 ? undefined : fullName.slice(0, dot).toLowerCase(),
    name,
    params: hasParams ? parseParams(head.slice(nameEnd + 1)) : NO_PARAMS,
    value: text.slice(colon + 1),
    line,
  };
}

function parseParams(text: string): ReadonlyMap<string, readonly string[]> {
  const params = new Map<string, string[]>();
  for (const param of splitOutsideQuotes(text, ';')) {
    const equals = param.indexOf('=');
    const values = splitOutsideQuotes(param.slice(equals + 1), ',').map((value) =>
      caret(value.trim().replace(/^"(.*)"$/s, '$1')),
    );
    const bare = param.trim().toUpperCase();
    const key = equals >= 0 ? param.slice(0, equals).trim().toUpperCase() : ENCODINGS.has(bare) ? 'ENCODING' : 'TYPE';
    const known = params.get(key);
    if (known === undefined) params.set(key, values);
    else known.push(...values.slice(0, 100));
  }
  return params;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator);
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function caret(value: string): string {
  return value.includes('^')
    ? value.replace(/\^([n'^])/g, (_, code: string) => (code === 'n' ? '\n' : code === "'" ? '"' : '^'))
    : value;
}

/** The values of a parameter, lower-case; comma lists inside quotes (`TYPE="work,voice"`) are taken apart. */
export function paramValues(property: VcardProperty, name: string): string[] {
  return (property.params.get(name) ?? []).flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((part) => part.trim()),
  );
}

/** The content of an inline file: base64 or a `data:` URI; null for anything else. */
export function bytesOf(property: VcardProperty): Buffer | null {
  if (isBase64(property)) return Buffer.from(property.value, 'base64');
  const uri = /^data:[^,]*;base64,/i.exec(property.value.slice(0, 200));
  return uri === null ? null : Buffer.from(property.value.slice(uri[0].length), 'base64');
}

/** The value as text, unescaped. */
export function textOf(property: VcardProperty): string {
  return unescapeText(decoded(property));
}

/** The value of N, ADR, ORG and the like: split at semicolons that are not escaped, then each unescaped. */
export function partsOf(property: VcardProperty): string[] {
  return splitUnescaped(decoded(property), ';').map(unescapeText);
}

/** A list of texts: split at commas that are not escaped. */
export function listOf(property: VcardProperty): string[] {
  return splitUnescaped(decoded(property), ',').map(unescapeText);
}

function isBase64(property: VcardProperty): boolean {
  const encoding = property.params.get('ENCODING')?.[0]?.toUpperCase();
  return encoding === 'B' || encoding === 'BASE64';
}

function decoded(property: VcardProperty): string {
  let octets = property.value;
  const encoding = property.params.get('ENCODING')?.[0]?.toUpperCase();
  if (encoding === 'QUOTED-PRINTABLE') octets = fromQuotedPrintable(octets);
  else if (isBase64(property)) octets = Buffer.from(octets, 'base64').toString('latin1');
  return decodeOctets(octets, property.params.get('CHARSET')?.[0]);
}

/** RFC 2045 6.7, tolerant: what is no escape stays as written. Soft line breaks are gone by now. */
function fromQuotedPrintable(text: string): string {
  if (!text.includes('=')) return text;
  return text
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/=$/, '');
}

/** Octets (latin1) to text: the charset that the property names, else UTF-8, else windows-1252. */
export function decodeOctets(octets: string, charset?: string): string {
  let isAscii = true;
  for (let at = 0; at < octets.length; at++) {
    if (octets.charCodeAt(at) > 0x7f) {
      isAscii = false;
      break;
    }
  }
  if (isAscii && (charset === undefined || !/^(?:utf-?16|iso-2022|utf-?7|hz)/i.test(charset))) return octets;
  const bytes = Buffer.from(octets, 'latin1');
  const isUnnamed = charset === undefined || /^utf-?8$/i.test(charset) || !iconv.encodingExists(charset);
  if (isUnnamed) return isUtf8(bytes) ? bytes.toString('utf8') : iconv.decode(bytes, 'windows-1252');
  return iconv.decode(bytes, charset);
}

/** RFC 6350 3.4, and `\:` and `\;` as older exporters write them. Other backslashes stay. */
function unescapeText(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\([nN,;:\\])/g, (_, code: string) => (code === 'n' || code === 'N' ? '\n' : code))
    : text;
}

function splitUnescaped(text: string, separator: string): string[] {
  if (!text.includes('\\')) return text.split(separator);
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') at++;
    else if (character === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}
