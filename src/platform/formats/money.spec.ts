import fc from 'fast-check';
import { formatMoney, minorDigits, parseCurrency, parseMoney, readMoney } from './money.js';

describe('parseMoney', () => {
  it.each([
    ['1234.50', '1234.5'],
    ['0', '0'],
    ['-0.00', '0'],
    ['-007.10', '-7.1'],
    ['0.1', '0.1'],
    [0.1, '0.1'],
    [1e3, '1000'],
    [-12.3456, '-12.3456'],
    ['1.00000', '1'],
    ['999999999999999.9999', '999999999999999.9999'],
  ])('reads %j as %j', (given, value) => {
    expect(parseMoney(given)).toEqual({ ok: true, value });
  });

  it.each([
    '1e3',
    '12.34567',
    'NaN',
    '',
    '.5',
    '5.',
    '+1',
    '1,000',
    '0x10',
    '１',
    '1000000000000000',
    NaN,
    Infinity,
    1e21,
    1e-7,
    1e15,
  ])('refuses %j', (given) => {
    expect(parseMoney(given)).toEqual({ ok: false, detail: expect.stringContaining('1234.50') });
  });

  it('is exact and idempotent for every amount of four decimals', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 19n) + 1n, max: 10n ** 19n - 1n }), (units) => {
        const size = units < 0n ? -units : units;
        const text = `${units < 0n ? '-' : ''}${size / 10_000n}.${String(size % 10_000n).padStart(4, '0')}`;
        const money = parseMoney(text);
        if (!money.ok) throw new Error(money.detail);
        expect(parseMoney(money.value)).toEqual(money);
        const [whole = '', decimals = ''] = money.value.replace('-', '').split('.');
        expect(BigInt(whole) * 10_000n + BigInt(decimals.padEnd(4, '0'))).toBe(size);
        expect(parseMoney(formatMoney(money.value, 'EUR'))).toEqual(money);
      }),
    );
  });
});

describe('readMoney', () => {
  it.each([
    ['1.234,56', '1234.56', null, false],
    ['1,234.56', '1234.56', null, false],
    ['1.234.567', '1234567', null, false],
    ['12,34,567.50', '1234567.5', null, false],
    ["1'234.50", '1234.5', null, false],
    ['1’200.-', '1200', null, false],
    ['1 234,5', '1234.5', null, false],
    ['1\u202f234,56 €', '1234.56', 'EUR', false],
    ['$1,200', '1200', null, true],
    ['1.234', '1234', null, true],
    ['0,125', '0.125', null, false],
    ['12,5', '12.5', null, false],
    [',5', '0.5', null, false],
    ['EUR 12.50', '12.5', 'EUR', false],
    ['12.50chf', '12.5', 'CHF', false],
    ['US$ 5', '5', null, false],
    ['(1,234.50)', '-1234.5', null, false],
    ['-$5.00', '-5', null, false],
    ['5.00-', '-5', null, false],
    ['−5', '-5', null, false],
    ['1234', '1234', null, false],
  ])('reads %j as %s', (text, value, currency, is_ambiguous) => {
    expect(readMoney(text)).toEqual({ ok: true, value, currency, is_ambiguous });
  });

  it.each([
    '',
    'abc',
    '1e3',
    '1.2.3',
    '1.234,567,890',
    '12 34',
    '--5',
    '(-5)',
    '€5€',
    '5 XQQ',
    '1.23456',
    '1,234.',
    '10%',
  ])('refuses %j', (text) => {
    expect(readMoney(text)).toEqual({ ok: false, detail: expect.stringMatching(/\.$/) });
  });

  it('never throws, and reads a normal form as itself unless it is ambiguous', () => {
    const marks = fc.string({ unit: fc.constantFrom(...Array.from("0123456789.,' -()€$")) });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), marks), (text) => {
        const read = readMoney(text);
        if (!read.ok) return;
        expect(parseMoney(read.value)).toEqual({ ok: true, value: read.value });
        const again = readMoney(read.value);
        expect(again.ok && (again.is_ambiguous || again.value === read.value)).toBe(true);
      }),
    );
  });

  it('reads what the locales of the world write', () => {
    const locale = fc.constantFrom('en-US', 'de-DE', 'fr-FR', 'de-CH', 'en-IN', 'pt-BR', 'sv-SE');
    fc.assert(
      fc.property(fc.integer({ min: -99_999_999, max: 99_999_999 }), locale, (cents, name) => {
        const text = new Intl.NumberFormat(name, { minimumFractionDigits: 2 }).format(cents / 100);
        const expected = parseMoney((cents / 100).toFixed(2));
        expect(readMoney(text)).toMatchObject({ ...expected, is_ambiguous: false });
      }),
    );
  });
});

describe('currencies', () => {
  it('know their minor digits', () => {
    expect(['JPY', 'EUR', 'BHD', 'CLF'].map(minorDigits)).toEqual([0, 2, 3, 4]);
    expect(formatMoney('12.5000', 'EUR')).toBe('12.50');
    expect(formatMoney('12.5000', 'JPY')).toBe('12.5');
    expect(formatMoney('12', 'JPY')).toBe('12');
    expect(formatMoney('12.3456', 'USD')).toBe('12.3456');
  });

  it('are read in any case, and unknown codes are refused', () => {
    expect(parseCurrency(' eur ')).toEqual({ ok: true, value: 'EUR' });
    for (const code of ['XXX', 'EURO', '€', '', 'toString']) expect(parseCurrency(code).ok).toBe(false);
  });

  it('are all known to the runtime as well', () => {
    const known = new Set(Intl.supportedValuesOf('currency'));
    const ours = [...known].filter((code) => parseCurrency(code).ok);
    expect(ours.length).toBeGreaterThan(150);
  });
});
