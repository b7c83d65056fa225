import fc from 'fast-check';
import { isCalendarDay, isPrintedTimestamp, readTimestamp } from './timestamps.js';

describe('readTimestamp', () => {
  it.each([
    ['2026-01-31T09:30:00Z', '2026-01-31T09:30:00Z'],
    ['2026-01-31T09:30:00.123456+02:00', '2026-01-31T07:30:00.123456Z'],
    ['2026-01-31T09:30:00.123456789Z', '2026-01-31T09:30:00.123456Z'],
    ['2026-01-01T00:00:00+23:00', '2025-12-31T01:00:00Z'],
  ])('reads %s', (text, utc) => expect(readTimestamp(text)).toBe(utc));

  it.each([
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+10:00',
    '9999-12-31T23:59:59-23:59',
    '300000-01-01T00:00:00Z',
    '2026-01-01',
    '',
  ])('refuses %s', (text) => expect(readTimestamp(text)).toBeUndefined());

  it('means the moment that was written', () => {
    const years = { min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true };
    fc.assert(
      fc.property(fc.date(years), (date) => {
        expect(new Date(readTimestamp(date.toISOString()) ?? '')).toEqual(date);
      }),
    );
  });
});

describe('isCalendarDay', () => {
  it.each(['2024-02-29', '0001-01-01', '9999-12-31'])('takes %s', (day) => expect(isCalendarDay(day)).toBe(true));
  it.each(['2026-02-29', '0000-01-01', '2026-00-10', '2026-13-01', '2026-01-00', '26-01-01'])('refuses %s', (day) =>
    expect(isCalendarDay(day)).toBe(false),
  );
});

describe('isPrintedTimestamp', () => {
  it.each(['2026-01-31 09:30:00.123+00', '2026-01-31 09:30:00+00', '2026-01-31T09:30:00.123Z'])('takes %s', (text) =>
    expect(isPrintedTimestamp(text)).toBe(true),
  );
  it.each(['1', '2026-02-30 09:30:00+00', 'Sat Jan 31 2026', '2026-01-31', 'infinity'])('refuses %s', (text) =>
    expect(isPrintedTimestamp(text)).toBe(false),
  );
});
