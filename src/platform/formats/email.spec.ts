import fc from 'fast-check';
import { parseEmail } from './email.js';

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.emailAddress());

describe('parseEmail', () => {
  it.each([
    ['ADA@Example.com', 'ada@example.com'],
    ['  ada.lovelace+crm@example.co.uk\n', 'ada.lovelace+crm@example.co.uk'],
    ['mailto:Ada@example.com?subject=Hello', 'ada@example.com'],
    ['ada@EXAMPLE.com.', 'ada@example.com'],
    ['ada@münchen.example', 'ada@xn--mnchen-3ya.example'],
    ['ada@ｅｘａｍｐｌｅ。com', 'ada@example.com'],
    ['Zoë@example.com', 'zoë@example.com'],
    ['Zoe\u0308@example.com', 'zoë@example.com'],
    ['"Ada Lovelace"@example.com', '"ada lovelace"@example.com'],
    ["o'brien@example.com", "o'brien@example.com"],
    [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
  ])('reads %j as %j', (text, value) => {
    expect(parseEmail(text)).toEqual({ ok: true, value, key: value });
  });

  it.each([
    '',
    'bad',
    'ada@',
    '@example.com',
    'ada@example',
    'ada@localhost',
    'ada@127.0.0.1',
    'ada@0x7f.1',
    'ada@[192.0.2.1]',
    'ada@@example.com',
    'ada @example.com',
    'Ada <ada@example.com>',
    'ada@example.com, bob@example.com',
    '.ada@example.com',
    'ada..l@example.com',
    'ada@-example.com',
    'ada@exa_mple.com',
    'ada@exa%6dple.com',
    'ada@example.com/path',
    'ada@xn--.com',
    'ada\u0000@example.com',
    'ada\u200b@example.com',
    'ada\ud800@example.com',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a.'.repeat(200)}com`,
  ])('refuses %j with a sentence', (text) => {
    const result = parseEmail(text);
    expect(result.ok).toBe(false);
    expect(result).toEqual({ ok: false, detail: expect.stringMatching(/^.{10,200}\.$/u) });
  });

  it('never throws, and its normal form is its own normal form, in at most 320 characters', () => {
    fc.assert(
      fc.property(anyText, anyText, (left, right) => {
        for (const text of [left, `${left}@${right}`, `${left}@${right}.example`]) {
          const first = parseEmail(text);
          if (!first.ok) continue;
          expect(first.value.length).toBeLessThanOrEqual(320);
          expect(parseEmail(first.value)).toEqual(first);
        }
      }),
    );
  });

  it('reads every address of the usual shape, whatever its case', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (address) => {
        const result = parseEmail(address.toUpperCase());
        expect(result).toEqual({ ok: true, value: address.toLowerCase(), key: address.toLowerCase() });
      }),
    );
  });
});
