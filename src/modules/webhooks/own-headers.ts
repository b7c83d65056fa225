import type { FieldMistake } from '../../platform/errors/problem.js';

/** Shown instead of a value, and taken as "leave it as it is" when it comes back. */
export const REDACTED = '[redacted]';

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/;
const VALUE = /^[\t\x20-\x7e]{0,2000}$/;
const MAX_HEADERS = 20;
/** What the message and the transport say themselves. */
const RESERVED =
  /^(host|content-.*|transfer-encoding|connection|webhook-.*|accept-encoding|expect|keep-alive|te|trailer|upgrade|proxy-.*)$/;

/**
 * Applies a merge patch (RFC 7396) to the endpoint's own headers. Names are kept in lower case.
 * @returns the headers, or what is wrong.
 */
export function patchHeaders(
  before: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, unknown>> | null | undefined,
): { readonly headers: Record<string, string>; readonly mistakes: FieldMistake[] } {
  const mistakes: FieldMistake[] = [];
  const headers = new Map(patch === null ? [] : Object.entries(before));
  for (const [given, value] of Object.entries(patch ?? {})) {
    const name = given.toLowerCase();
    const refuse = (detail: string) =>
      mistakes.push({ pointer: '/headers', detail: `${given.slice(0, 64)} ${detail}` });
    if (value === null) headers.delete(name);
    else if (value === REDACTED && headers.has(name)) continue;
    else if (!NAME.test(name)) refuse('is no name of a header.');
    else if (RESERVED.test(name)) refuse('is set by the delivery itself; leave it out.');
    else if (typeof value !== 'string' || !VALUE.test(value))
      refuse('must be printable ASCII of at most 2000 characters.');
    else headers.set(name, value);
  }
  if (headers.size > MAX_HEADERS) mistakes.push({ pointer: '/headers', detail: `At most ${MAX_HEADERS} headers.` });
  return { headers: Object.fromEntries(headers), mistakes };
}

/** The names, with nothing behind them. */
export function redacted(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(headers).map((name) => [name, REDACTED]));
}
