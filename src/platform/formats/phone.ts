import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { type Parsed, refused } from './parsed.js';

/** A telephone number as it is stored, and as it is matched. */
export interface Phone {
  /** E.164 (`+41446681800`) when `is_valid`, otherwise the trimmed text as it was written. */
  value: string;
  /** E.164 when `is_valid`, otherwise the ASCII digits of the text. The extension takes no part in matching. */
  key: string;
  /** Digits of the extension of a valid number (RFC 3966 `;ext=`), else null. */
  extension: string | null;
  is_valid: boolean;
}

const ANY_DIGIT = /\p{Nd}/u;
const EVERY_NON_DIGIT = /\P{Nd}+/gu;
const ASCII_DIGITS = /^[0-9]*$/;

/**
 * Reads a telephone number by libphonenumber's full metadata. A number is never refused for being odd: what is not valid
 * is kept as written and found by its digits; only a text without any digit is refused.
 * @param region ISO 3166-1 alpha-2 code for numbers written without country code; an unknown one counts as none.
 */
export function parsePhone(text: string, region?: string): Parsed<Phone> {
  const written = text.trim();
  if (!ANY_DIGIT.test(written)) return refused('A phone number has digits, like +41 44 668 18 00.');
  const bare = /^tel:/i.test(written) ? written.slice(4) : written;
  // Without `extract: false` a second number or a remark after the first would be lost without a word.
  const number = parsePhoneNumberFromString(bare, {
    ...(isPhoneRegion(region) ? { defaultCountry: region } : {}),
    extract: false,
  });
  if (number?.isValid() === true) {
    return { ok: true, value: number.number, key: number.number, extension: number.ext ?? null, is_valid: true };
  }
  return { ok: true, value: written, key: digitsOf(written), extension: null, is_valid: false };
}

/** One text for number and extension, `+41446681800;ext=12` (RFC 3966), which {@link parsePhone} reads back. */
export function phoneText(phone: Pick<Phone, 'value' | 'extension'>): string {
  return phone.extension === null ? phone.value : `${phone.value};ext=${phone.extension}`;
}

/** Whether the text is a region code that {@link parsePhone} knows, such as `CH`. */
export function isPhoneRegion(region: string | undefined): region is CountryCode {
  return region !== undefined && isSupportedCountry(region);
}

function digitsOf(text: string): string {
  const digits = text.normalize('NFKC').replace(EVERY_NON_DIGIT, '');
  return ASCII_DIGITS.test(digits) ? digits : Array.from(digits, asciiDigit).join('');
}

/** Unicode assigns decimal digits in runs of ten from zero to nine, so the way back to the run's start is the value. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && ANY_DIGIT.test(String.fromCodePoint(code - value - 1))) value += 1;
  return String(value);
}
