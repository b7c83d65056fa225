import { type Parsed, quoted, refused } from './parsed.js';

/** Fields of a written date or time, before the calendar is asked. */
export interface DateFields {
  year: number;
  month: number;
  day: number;
  /** null when only a date was written. */
  hour: number | null;
  minute: number;
  second: number;
  millisecond: number;
  /** Minutes east of UTC, or null when no offset was written. */
  offset_minutes: number | null;
}

/** A compiled pattern such as `dd.MM.yyyy HH:mm`. */
export interface DateFormat {
  read(text: string): DateFields | null;
}

type FieldName =
  | 'year'
  | 'shortYear'
  | 'month'
  | 'monthName'
  | 'day'
  | 'hour'
  | 'hour12'
  | 'minute'
  | 'second'
  | 'ms'
  | 'half'
  | 'offset';

const TOKENS: Readonly<Record<string, readonly [FieldName, string]>> = {
  yyyy: ['year', '\\d{4}'],
  yy: ['shortYear', '\\d{2}'],
  MMMM: ['monthName', '[A-Za-z]{3,9}\\.?'],
  MMM: ['monthName', '[A-Za-z]{3,9}\\.?'],
  MM: ['month', '\\d{2}'],
  M: ['month', '\\d{1,2}'],
  dd: ['day', '\\d{2}'],
  d: ['day', '\\d{1,2}'],
  HH: ['hour', '\\d{2}'],
  H: ['hour', '\\d{1,2}'],
  hh: ['hour12', '\\d{2}'],
  h: ['hour12', '\\d{1,2}'],
  mm: ['minute', '\\d{2}'],
  m: ['minute', '\\d{1,2}'],
  ss: ['second', '\\d{2}'],
  s: ['second', '\\d{1,2}'],
  SSS: ['ms', '\\d{3}'],
  a: ['half', '[AaPp]\\.?[Mm]\\.?'],
  XXX: ['offset', 'Z|[+-]\\d{2}:\\d{2}'],
  X: ['offset', 'Z|[+-]\\d{2}(?::?\\d{2})?'],
};
const PIECES = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']/g;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH_NAME =
  /^(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?$/i;
const LONGEST_FORMAT = 64;
const KEPT_FORMATS = 200;
const compiled = new Map<string, Parsed<{ format: DateFormat }>>();

/**
 * Compiles a date pattern (the letters of Unicode TR 35: `yyyy yy MMMM MMM MM M dd d HH H hh h mm m ss s SSS a XXX X`,
 * text in single quotes). It must hold day, month and year, each once. Compiled patterns are kept.
 */
export function compileDateFormat(pattern: string): Parsed<{ format: DateFormat }> {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const result = compile(pattern);
  if (compiled.size < KEPT_FORMATS) compiled.set(pattern, result);
  return result;
}

/** 1..12 for an English month name or its abbreviation, else null. */
export function monthOf(name: string): number | null {
  return MONTH_NAME.test(name) ? MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1 : null;
}

/** Two-digit years by the POSIX pivot: 69..99 lie in 19xx, 00..68 in 20xx. */
export function fullYear(shortYear: number): number {
  return shortYear >= 69 ? 1900 + shortYear : 2000 + shortYear;
}

/** Minutes east of UTC of `Z`, `+02`, `+0200` or `+02:00`; null when out of range (RFC 3339). */
export function offsetMinutes(text: string): number | null {
  if (/^z$/i.test(text)) return 0;
  const digits = text.replace(/\D/g, '').padEnd(4, '0');
  const hours = Number(digits.slice(0, 2));
  const minutes = Number(digits.slice(2));
  if (hours > 23 || minutes > 59) return null;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

function compile(pattern: string): Parsed<{ format: DateFormat }> {
  if (pattern.length > LONGEST_FORMAT) return refused(`A date format has at most ${LONGEST_FORMAT} characters.`);
  const fields: FieldName[] = [];
  let source = '';
  let length = 0;
  for (const [piece, literal, letter] of pattern.matchAll(PIECES)) {
    length += piece.length;
    if (letter === undefined) {
      source += escaped(literal === undefined ? piece : literal === '' ? "'" : literal.replaceAll("''", "'"));
      continue;
    }
    const token = Object.hasOwn(TOKENS, piece) ? TOKENS[piece] : undefined;
    if (token === undefined || fields.includes(token[0])) {
      return refused(
        `The date format ${quoted(pattern)} has an unknown or repeated ${quoted(piece)}; write it like dd.MM.yyyy.`,
      );
    }
    fields.push(token[0]);
    source += `(${token[1]})`;
  }
  const has = (...names: FieldName[]): boolean => names.filter((name) => fields.includes(name)).length === 1;
  const isWhole = has('year', 'shortYear') && has('month', 'monthName') && has('day');
  const isClockSound =
    !(fields.includes('hour12') !== fields.includes('half')) && !(fields.includes('hour') && fields.includes('hour12'));
  if (length !== pattern.length || !isWhole || !isClockSound) {
    return refused(
      `The date format ${quoted(pattern)} needs day, month and year once each (hh goes with a), like dd.MM.yyyy.`,
    );
  }
  const expression = new RegExp(`^${source}$`);
  return { ok: true, format: { read: (text) => readFields(fields, expression.exec(text.trim())) } };
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function readFields(names: readonly FieldName[], found: RegExpExecArray | null): DateFields | null {
  if (found === null) return null;
  const text = new Map(names.map((name, index) => [name, found[index + 1] ?? '']));
  const number = (name: FieldName): number | undefined => (text.has(name) ? Number(text.get(name)) : undefined);
  const shortYear = number('shortYear');
  const month = number('month') ?? monthOf(text.get('monthName') ?? '');
  const offset = text.has('offset') ? offsetMinutes(text.get('offset') ?? '') : null;
  if (month === null || (text.has('offset') && offset === null)) return null;
  let hour = number('hour') ?? null;
  const hour12 = number('hour12');
  if (hour12 !== undefined) {
    if (hour12 < 1 || hour12 > 12) return null;
    hour = (hour12 % 12) + (/^p/i.test(text.get('half') ?? '') ? 12 : 0);
  }
  return {
    year: shortYear === undefined ? (number('year') ?? 0) : fullYear(shortYear),
    month,
    day: number('day') ?? 0,
    hour,
    minute: number('minute') ?? 0,
    second: number('second') ?? 0,
    millisecond: number('ms') ?? 0,
    offset_minutes: offset,
  };
}
