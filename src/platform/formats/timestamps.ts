import { isRFC3339 } from 'class-validator';

/**
 * Reads an RFC 3339 time as UTC text that PostgreSQL takes, with at most six digits of a second; undefined for what is none.
 * The syntax alone allows days that no month has, the year 0 and offsets beyond 15:59, all of which the database refuses.
 */
export function readTimestamp(text: string): string | undefined {
  if (!isRFC3339(text) || !isCalendarDay(text.slice(0, 10))) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 1 || time.getUTCFullYear() > 9_999) return undefined;
  const fraction = /\.(\d{1,6})/.exec(text)?.[0] ?? '';
  return `${time.toISOString().slice(0, 19)}${fraction}Z`;
}

/** True for an RFC 3339 time, also as PostgreSQL prints one as text: `2026-01-31 09:30:00.123+00`. */
export function isPrintedTimestamp(text: string): boolean {
  return readTimestamp(text.replace(/^(\d{4}-\d\d-\d\d) (.*[+-]\d\d)$/, '$1T$2:00')) !== undefined;
}

/** True for a day such as 2026-01-31 that the calendar has, from the year 1. */
export function isCalendarDay(text: string): boolean {
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []).map(Number);
  if (year < 1 || month < 1 || month > 12) return false;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
