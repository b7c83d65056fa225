import fc from 'fast-check';
import { checkDateFormat, parseDate, parseInstant } from './dates.js';

describe('parseDate', () => {
  it.each([
    ['2024-04-03', undefined, '2024-04-03'],
    [' 20240403 ', undefined, '2024-04-03'],
    ['2024-04-03T23:30:00-05:00', undefined, '2024-04-03'],
    ['2024-04-03 10:00', 'dd.MM.yyyy', '2024-04-03'],
    ['03.04.2024', 'dd.MM.yyyy', '2024-04-03'],
    ['03/04/2024', 'dd/MM/yyyy', '2024-04-03'],
    ['03/04/2024', 'MM/dd/yyyy', '2024-03-04'],
    ['3.4.24', 'd.M.yy', '2024-04-03'],
    ['4/3/2024 1:05 PM', 'M/d/yyyy h:mm a', '2024-04-03'],
    ["3 o'clock 2024 April", "d 'o''clock' yyyy MMMM", '2024-04-03'],
    ['31.12.2024', undefined, '2024-12-31'],
    ['03.04.2024', undefined, '2024-04-03'],
    ['25/12/2024', undefined, '2024-12-25'],
    ['12/25/2024', undefined, '2024-12-25'],
    ['03/03/2024', undefined, '2024-03-03'],
    ['2024/4/3', undefined, '2024-04-03'],
    ['3 Apr 2024', undefined, '2024-04-03'],
    ['03-Sept-2024', undefined, '2024-09-03'],
    ['April 3rd, 2024', undefined, '2024-04-03'],
    ['2024-02-29', undefined, '2024-02-29'],
    ['0001-01-01', undefined, '0001-01-01'],
  ])('reads %j with format %s as %s', (text, format, value) => {
    expect(parseDate(text, format === undefined ? {} : { format })).toEqual({ ok: true, value });
  });

  it.each(['03/04/2024', '3-4-2024', '13/04/24', '01/02/03'])('calls %j ambiguous without a format', (text) => {
    expect(parseDate(text)).toEqual({ ok: false, detail: expect.stringContaining('2024-04-03'), is_ambiguous: true });
  });

  it.each([
    '',
    'soon',
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '31.04.2024',
    '0000-01-01',
    '2024-0403',
    '13/13/2024',
    '2024-04-03T25:00',
    '3 Foo 2024',
    '12024-01-01',
    '1/2/345',
  ])('refuses %j', (text) => {
    expect(parseDate(text)).toEqual({ ok: false, detail: expect.stringMatching(/\.$/), is_ambiguous: false });
  });

  it('with a format accepts nothing but it and ISO 8601', () => {
    expect(parseDate('04/25/2024', { format: 'dd.MM.yyyy' }).ok).toBe(false);
  });

  it.each([
    '',
    'foo',
    'dd.MM',
    'dd.MM.yyyy dd',
    'yyyy-MM-dd hh:mm',
    'dd.MM.yyyy a',
    "dd.MM.yyyy '",
    'DD.MM.YYYY',
    'yyyy-MM-dd'.repeat(9),
  ])('refuses the format %j', (format) => {
    expect(checkDateFormat(format)).toEqual({ ok: false, detail: expect.stringMatching(/\.$/) });
    expect(parseDate('x', { format }).ok).toBe(false);
  });

  it('reads back every day in each form', () => {
    const day = fc.date({
      min: new Date('1000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(day, (date) => {
        const value = date.toISOString().slice(0, 10);
        const [y = '', m = '', d = ''] = value.split('-');
        expect(parseDate(value)).toEqual({ ok: true, value });
        expect(parseDate(y + m + d)).toEqual({ ok: true, value });
        expect(parseDate(`${d}.${m}.${y}`)).toEqual({ ok: true, value });
        expect(parseDate(`${m}/${d}/${y}`, { format: 'MM/dd/yyyy' })).toEqual({ ok: true, value });
        const unformatted = parseDate(`${d}/${m}/${y}`);
        expect(unformatted.ok).toBe(Number(d) > 12 || d === m);
      }),
    );
  });

  it('never throws, whatever text and format', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789./-T:Z+ ')) }),
    );
    const format = fc.option(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom(...Array.from("yMdHhmsSaX./-: '()[*")) }),
      ),
      { nil: undefined },
    );
    fc.assert(
      fc.property(text, format, (given, pattern) => {
        const reading = pattern === undefined ? {} : { format: pattern };
        const date = parseDate(given, reading);
        if (date.ok) expect(parseDate(date.value, reading)).toEqual(date);
        const instant = parseInstant(given, { ...reading, is_utc_assumed: true });
        if (instant.ok) expect(parseInstant(instant.value, reading)).toEqual(instant);
      }),
    );
  });
});

describe('parseInstant', () => {
  it.each([
    ['2024-04-03T10:00:00Z', '2024-04-03T10:00:00.000Z'],
    ['2024-04-03T10:00:00.1234+02:00', '2024-04-03T08:00:00.123Z'],
    ['2024-01-01t00:30:00+0100', '2023-12-31T23:30:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('reads %j as %s', (text, value) => {
    expect(parseInstant(text)).toEqual({ ok: true, value });
  });

  it.each([
    '2024-04-03',
    '2024-04-03T10:00:00',
    '2024-04-03T10:00:60Z',
    '2024-04-03T10:00:00+25:00',
    '0001-01-01T00:00:00+01:00',
    'now',
  ])('refuses %j', (text) => {
    expect(parseInstant(text)).toEqual({ ok: false, detail: expect.stringMatching(/\.$/), is_ambiguous: false });
  });

  it('takes UTC where the caller says so', () => {
    expect(parseInstant('2024-04-03 10:00', { is_utc_assumed: true })).toEqual({
      ok: true,
      value: '2024-04-03T10:00:00.000Z',
    });
    expect(parseInstant('3 Apr 2024', { is_utc_assumed: true })).toEqual({
      ok: true,
      value: '2024-04-03T00:00:00.000Z',
    });
  });
});
