import { type Parsed, quoted, refused } from './parsed.js';

/** An amount as an exact decimal text in shortest form: `-1234.5`, never with exponent or needless zeros. */
export interface Money {
  value: string;
}

/** An amount as a person or a spreadsheet wrote it. */
export interface ReadMoney extends Money {
  /** ISO 4217 code when one was written, or for `€`; else null. */
  currency: string | null;
  /** A single separator before three digits (`1,234`): read as thousands, though it may have been a decimal sign. */
  is_ambiguous: boolean;
}

const DECIMAL = /^(-?)0*(\d{1,15})(?:\.(\d+))?$/;
const MOST_DECIMALS = 4;
const HOW = 'an amount is a decimal text like "1234.50", with at most 15 digits before the point and 4 after it';

/**
 * Reads an amount of a request exactly: at most 15 digits before the point and 4 decimals, no exponent, no grouping. A
 * JSON number is taken as its shortest decimal text. No floating point arithmetic is ever done on it.
 */
export function parseMoney(given: string | number): Parsed<Money> {
  const text = typeof given === 'number' ? String(given) : given.trim();
  const parts = DECIMAL.exec(text);
  const decimals = (parts?.[3] ?? '').replace(/0+$/, '');
  if (parts === null || decimals.length > MOST_DECIMALS) return refused(`${quoted(text)} is no amount: ${HOW}.`);
  const whole = parts[2] ?? '0';
  const sign = parts[1] === '-' && (decimals !== '' || !/^0+$/.test(whole)) ? '-' : '';
  return { ok: true, value: `${sign}${whole}${decimals === '' ? '' : `.${decimals}`}` };
}

/**
 * Reads an amount of an imported file: `1.234,56` and `1,234.56` by their last separator, blanks and apostrophes as
 * grouping, a currency code or sign on either side, a minus on either side or brackets for a negative amount.
 */
export function readMoney(text: string): Parsed<ReadMoney> {
  const unreadable = refused(`${quoted(text)} cannot be read as an amount; write it like 1234.50.`);
  if (text.length > 100) return unreadable;
  let rest = text
    .replace(/\p{Zs}/gu, ' ')
    .replace(/\u2212/g, '-')
    .replace(/[’‘]/g, "'")
    .trim();
  let isNegative = false;
  if (rest.startsWith('(') && rest.endsWith(')')) {
    isNegative = true;
    rest = rest.slice(1, -1).trim();
  }
  const marks =
    /^([-+]?) *([A-Za-z]{3}|[A-Za-z]{0,2}\p{Sc})? *([-+]?) *([\d.,' ]+?(?:[.,]-{1,2})?) *(\p{Sc}|[A-Za-z]{3})? *(-?)$/u;
  const found = marks.exec(rest);
  if (found === null) return unreadable;
  const [, sign = '', before, secondSign = '', body = '', after, lastSign = ''] = found;
  const signs = `${sign}${secondSign}${lastSign}`;
  if (signs.length > 1 || (isNegative && signs !== '') || (before !== undefined && after !== undefined))
    return unreadable;
  const currency = readCurrencyMark(before ?? after);
  if (currency === undefined) return unreadable;
  const digits = readDigits(body.replace(/[.,]-{1,2}$/, '').trim());
  if (digits === null) return unreadable;
  const money = parseMoney(`${isNegative || signs === '-' ? '-' : ''}${digits.value}`);
  return money.ok ? { ...money, currency, is_ambiguous: digits.is_ambiguous } : money;
}

/** The text with at least the currency's minor digits and without other trailing zeros, for output: `12.5` EUR -> `12.50`. */
export function formatMoney(value: string, currency: string): string {
  const [whole = '0', decimals = ''] = value.split('.');
  const shown = decimals.replace(/0+$/, '').padEnd(minorDigits(currency), '0');
  return shown === '' ? whole : `${whole}.${shown}`;
}

/** Reads an ISO 4217 code in any case; withdrawn codes of the last years are known too, for old records. */
export function parseCurrency(text: string): Parsed<{ value: string }> {
  const value = text.trim().toUpperCase();
  return CURRENCIES.has(value)
    ? { ok: true, value }
    : refused(`${quoted(text)} is no ISO 4217 currency code; use one like EUR, USD or JPY.`);
}

/** Decimals of the currency's minor unit by ISO 4217: JPY 0, EUR 2, BHD 3. */
export function minorDigits(currency: string): number {
  return MINOR_DIGITS.get(currency) ?? 2;
}

/** undefined: not a currency at all; null: a sign that several currencies share. */
function readCurrencyMark(mark: string | undefined): string | null | undefined {
  if (mark === undefined) return null;
  if (mark.length === 3 && /^[a-z]+$/i.test(mark)) {
    const code = mark.toUpperCase();
    return CURRENCIES.has(code) ? code : undefined;
  }
  return mark === '€' ? 'EUR' : null;
}

function readDigits(body: string): { value: string; is_ambiguous: boolean } | null {
  if (!/\d$/.test(body)) return null;
  const lastDot = body.lastIndexOf('.');
  const lastComma = body.lastIndexOf(',');
  const last = Math.max(lastDot, lastComma);
  if (last < 0) return ungrouped(body, false);
  const separator = body.charAt(last);
  const isRepeated = body.indexOf(separator) !== last;
  const hasBoth = lastDot >= 0 && lastComma >= 0;
  if (isRepeated) return hasBoth ? null : ungrouped(body, false);
  const isAmbiguous = !hasBoth && /^[1-9]\d{0,2}[.,]\d{3}$/.test(body);
  if (isAmbiguous) return ungrouped(body, true);
  const whole = last === 0 ? '0' : body.slice(0, last);
  const decimals = body.slice(last + 1);
  const before = ungrouped(whole, false);
  return before === null || !/^\d+$/.test(decimals)
    ? null
    : { value: `${before.value}.${decimals}`, is_ambiguous: false };
}

/** Grouping by one sign, in threes, or in the Indian way (12,34,567). */
function ungrouped(whole: string, is_ambiguous: boolean): { value: string; is_ambiguous: boolean } | null {
  const isGrouped = /^(?:\d+|\d{1,3}([.,' ])\d{3}(?:\1\d{3})*|\d{1,2}([.,' ])(?:\d{2}\2)+\d{3})$/.test(whole);
  return isGrouped ? { value: whole.replace(/\D/g, ''), is_ambiguous } : null;
}

const ACTIVE = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI
UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG`;
const WITHDRAWN = 'ANG BGN CUC HRK SLL ZWL';
const CURRENCIES: ReadonlySet<string> = new Set(`${ACTIVE} ${WITHDRAWN}`.split(/\s+/));
const MINOR_DIGITS: ReadonlyMap<string, number> = new Map([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0] as const),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3] as const),
  ...'CLF UYW'.split(' ').map((code) => [code, 4] as const),
]);
