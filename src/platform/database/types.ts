import pg from 'pg';

/** Values leave the database as they go on the wire: times as RFC 3339 UTC with milliseconds, decimals as strings. */
export const wireTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary' && oid === pg.types.builtins.TIMESTAMPTZ) return readTimestamp;
    if (format !== 'binary' && oid === pg.types.builtins.DATE) return (text: string) => text;
    if (format !== 'binary' && oid === pg.types.builtins.INT8) return readBigint;
    return pg.types.getTypeParser(oid, format);
  },
} as pg.CustomTypesConfig;

/** `2026-11-21 11:52:56.1234+00` (sessions run in UTC) -> `2026-11-21T11:52:56.123Z`. */
export function readTimestamp(text: string): string {
  if (!text.endsWith('+00') || text.length < 22 || text.charCodeAt(10) !== 32) {
    return text === 'infinity' || text === '-infinity' ? text : new Date(text).toISOString();
  }
  const fraction = text.charCodeAt(19) === 46 ? text.slice(20, -3) : '';
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
}

/** Counts fit a number; what does not (a log position, a fencing token far ahead) stays an exact string. */
function readBigint(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}
