import fc from 'fast-check';
import { parsePhone, phoneText } from './phone.js';

describe('parsePhone', () => {
  it.each([
    ['+41 44 668 18 00', undefined, '+41446681800', null],
    ['044 668 18 00', 'CH', '+41446681800', null],
    ['tel:+41-44-668-18-00', undefined, '+41446681800', null],
    ['(415) 555-2671 ext. 12', 'US', '+14155552671', '12'],
    ['+14155552671;ext=12', undefined, '+14155552671', '12'],
    ['٠٤٤٦٦٨١٨٠٠', 'CH', '+41446681800', null],
    ['+１ ４１５ ５５５ ２６７１', undefined, '+14155552671', null],
  ])('reads %j in region %s as %s', (text, region, value, extension) => {
    expect(parsePhone(text, region)).toEqual({ ok: true, value, key: value, extension, is_valid: true });
  });

  it.each([
    ['044 668 18 00', undefined, '0446681800'],
    ['044 668 18 00', 'XX', '0446681800'],
    [' 123 ', 'CH', '123'],
    ['1-800-FLOWERS', 'US', '1800'],
    ['+41 44 668 18 00 / +41 79 555 12 12', 'CH', '4144668180041795551212'],
    ['০১২৩৪৫৬৭৮৯', undefined, '0123456789'],
    ['𝟎𝟏𝟗𝟬', undefined, '0190'],
  ])('keeps %j as written and finds it by its digits', (text, region, key) => {
    expect(parsePhone(text, region)).toEqual({ ok: true, value: text.trim(), key, extension: null, is_valid: false });
  });

  it.each(['', '   ', 'none', 'n/a', '+', '½'])('refuses %j, which has no digit', (text) => {
    expect(parsePhone(text, 'CH')).toEqual({ ok: false, detail: expect.stringContaining('digits') });
  });

  it('never throws, is refused only without a digit, and its normal form is its own normal form', () => {
    const digits = fc.string({ unit: fc.constantFrom(...Array.from('0123456789+-() .x;/٤०')) });
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), digits),
        fc.constantFrom('CH', 'US', 'GB', ''),
        (text, region) => {
          const first = parsePhone(text, region);
          expect(first.ok).toBe(/\p{Nd}/u.test(text));
          if (!first.ok) return;
          expect(first.key).toMatch(/^\+?[0-9]+$/);
          expect(parsePhone(phoneText(first), region)).toEqual(first);
          expect(parsePhone(first.value, region)).toEqual({ ...first, extension: null });
        },
      ),
    );
  });
});
