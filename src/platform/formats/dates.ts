import { compileDateFormat, type DateFields, fullYear, monthOf, offsetMinutes } from './date-format.js';
import { type Parsed, quoted } from './parsed.js';

/** A calendar date as ISO 8601 writes it, `2024-04-03`. */
export interface CalendarDate {
  value: string;
}

/** A point in time, RFC 3339 in UTC with milliseconds: `2024-04-03T08:00:00.000Z`. */
export interface Instant {
  value: string;
}

/** `is_ambiguous`: the text can be read as two different dates (`03/04/2024`), and only a format can tell. */
export interface DateRefused {
  readonly ok: false;
  readonly detail: string;
  readonly is_ambiguous: boolean;
}

/** How a date may be read besides ISO 8601. */
export interface DateReading {
  /** A pattern such as `dd.MM.yyyy`; with it only ISO 8601 and the pattern are accepted. */
  format?: string;
  /** For {@link parseInstant}: a text without offset is taken as UTC, a date alone as its first moment. */
  is_utc_assumed?: boolean;
}

const ISO =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;
const NUMBERS = /^(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:,? +(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/;
const DAY_NAME_YEAR = /^(\d{1,2})(?:st|nd|rd|th)?[ .-]{1,2}([A-Za-z]{3,9}\.?)[ ,-]{1,2}(\d{4})$/;
const NAME_DAY_YEAR = /^([A-Za-z]{3,9}\.?) (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const LONGEST_DATE = 64;

/**
 * Reads a calendar date: ISO 8601 always (of a date-time the date is kept as written), else the given format, else forms
 * that can mean one day only: `31.12.2024`, `2024/12/31`, `25/12/2024`, `3 Apr 2024`, `Apr 3, 2024`. `03/04/2024`
 * without format is refused as ambiguous.
 */
export function parseDate(text: string, reading: DateReading = {}): Parsed<CalendarDate> | DateRefused {
  const fields = readDateFields(text, reading.format);
  return 'ok' in fields ? fields : { ok: true, value: isoDate(fields) };
}

/** Reads a point in time, by the same forms as {@link parseDate}; the offset must be written unless UTC is assumed. */
export function parseInstant(text: string, reading: DateReading = {}): Parsed<Instant> | DateRefused {
  const fields = readDateFields(text, reading.format);
  if ('ok' in fields) return fields;
  const isUtcAssumed = reading.is_utc_assumed === true;
  if ((fields.hour === null || fields.offset_minutes === null) && !isUtcAssumed) {
    return dateRefused(`${quoted(text)} does not say which moment it is; write it like 2024-04-03T10:00:00Z.`);
  }
  const time = new Date(0);
  time.setUTCFullYear(fields.year, fields.month - 1, fields.day);
  time.setUTCHours(fields.hour ?? 0, fields.minute - (fields.offset_minutes ?? 0), fields.second, fields.millisecond);
  const year = time.getUTCFullYear();
  return year < 1 || year > 9999
    ? dateRefused('A time lies between the years 0001 and 9999.')
    : { ok: true, value: time.toISOString() };
}

/** Whether a pattern can be used as `format`; the detail says what is wrong with it. */
export function checkDateFormat(pattern: string): Parsed<object> {
  const compiled = compileDateFormat(pattern);
  return compiled.ok ? { ok: true } : compiled;
}

function readDateFields(text: string, pattern: string | undefined): DateFields | DateRefused {
  const written = text.trim();
  if (written === '' || written.length > LONGEST_DATE) return dateRefused('A date is expected, like 2024-04-03.');
  let fields = isoFields(written);
  if (fields === null && pattern !== undefined) {
    const compiled = compileDateFormat(pattern);
    if (!compiled.ok) return { ...compiled, is_ambiguous: false };
    fields = compiled.format.read(written);
    if (fields === null)
      return dateRefused(`${quoted(written)} is neither ISO 8601 (2024-04-03) nor of the form ${quoted(pattern)}.`);
  }
  if (fields === null) {
    const guessed = namedMonthFields(written) ?? numericFields(written);
    if (guessed === null)
      return dateRefused(`${quoted(written)} is no date; write it like 2024-04-03 or name its format.`);
    if ('ok' in guessed) return guessed;
    fields = guessed;
  }
  return isReal(fields) ? fields : dateRefused(`${quoted(written)} is a day or time that does not exist.`);
}

function isoFields(text: string): DateFields | null {
  const found = ISO.exec(text);
  if (found === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = found;
  // 2024-0403 is no ISO form: both hyphens or none.
  if ((text.charAt(4) === '-') !== (text.charAt(text.charAt(4) === '-' ? 7 : 6) === '-')) return null;
  const offset = zone === undefined ? null : offsetMinutes(zone);
  if (zone !== undefined && offset === null) return null;
  return {
    ...dateOnly(Number(year), Number(month), Number(day)),
    hour: hour === undefined ? null : Number(hour),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
    millisecond: Number((fraction ?? '').slice(0, 3).padEnd(3, '0')),
    offset_minutes: offset,
  };
}

function namedMonthFields(text: string): DateFields | null {
  const dayFirst = DAY_NAME_YEAR.exec(text);
  const nameFirst = dayFirst === null ? NAME_DAY_YEAR.exec(text) : null;
  const found = dayFirst ?? nameFirst;
  if (found === null) return null;
  const name = (dayFirst === null ? found[1] : found[2]) ?? '';
  const month = monthOf(name);
  return month === null ? null : dateOnly(Number(found[3]), month, Number(dayFirst === null ? found[2] : found[1]));
}

function numericFields(text: string): DateFields | DateRefused | null {
  const found = NUMBERS.exec(text);
  if (found === null) return null;
  const [, a = '', separator, b = '', c = '', hour, minute, second] = found;
  const clock = {
    hour: hour === undefined ? null : Number(hour),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
  };
  if (a.length === 4) return c.length > 2 ? null : { ...dateOnly(Number(a), Number(b), Number(c)), ...clock };
  if (a.length > 2 || (c.length !== 4 && c.length !== 2)) return null;
  const first = Number(a);
  const other = Number(b);
  const year = c.length === 2 ? fullYear(Number(c)) : Number(c);
  const isDayFirst = separator === '.' || first > 12 || first === other;
  // 13/04/24 may be a year, a month and a day as well.
  if (c.length === 2 && separator !== '.') return ambiguous(text);
  if (!isDayFirst && other <= 12) return ambiguous(text);
  return { ...(isDayFirst ? dateOnly(year, other, first) : dateOnly(year, first, other)), ...clock };
}

function dateOnly(year: number, month: number, day: number): DateFields {
  return { year, month, day, hour: null, minute: 0, second: 0, millisecond: 0, offset_minutes: null };
}

function isReal(fields: DateFields): boolean {
  const isLeap = fields.year % 4 === 0 && (fields.year % 100 !== 0 || fields.year % 400 === 0);
  const days = fields.month === 2 && isLeap ? 29 : (DAYS[fields.month - 1] ?? 0);
  const isDay = fields.year >= 1 && fields.day >= 1 && fields.day <= days;
  return isDay && (fields.hour ?? 0) <= 23 && fields.minute <= 59 && fields.second <= 59;
}

function isoDate(fields: DateFields): string {
  const month = String(fields.month).padStart(2, '0');
  return `${String(fields.year).padStart(4, '0')}-${month}-${String(fields.day).padStart(2, '0')}`;
}

function ambiguous(text: string): DateRefused {
  const detail = `${quoted(text)} can mean two days; write it like 2024-04-03 or name its format, dd/MM/yyyy or MM/dd/yyyy.`;
  return { ok: false, detail, is_ambiguous: true };
}

function dateRefused(detail: string): DateRefused {
  return { ok: false, detail, is_ambiguous: false };
}
