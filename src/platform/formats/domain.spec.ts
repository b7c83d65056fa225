import fc from 'fast-check';
import { parseDomain } from './domain.js';

describe('parseDomain', () => {
  it.each([
    ['Example.COM', 'example.com', 'example.com'],
    ['https://user:pw@www.Example.co.uk:8443/path?q#f', 'example.co.uk', 'example.co.uk'],
    ['//example.com', 'example.com', 'example.com'],
    ['www.www.example.com', 'example.com', 'example.com'],
    ['www.com', 'www.com', 'www.com'],
    ['shop.example.co.uk.', 'shop.example.co.uk', 'example.co.uk'],
    ['ada@example.com', 'example.com', 'example.com'],
    ['example.com:8080', 'example.com', 'example.com'],
    ['münchen.de', 'xn--mnchen-3ya.de', 'xn--mnchen-3ya.de'],
    ['例え。jp', 'xn--r8jz45g.jp', 'xn--r8jz45g.jp'],
    ['engawa.github.io', 'engawa.github.io', 'github.io'],
  ])('reads %j as %j', (text, value, registrable) => {
    expect(parseDomain(text)).toEqual({ ok: true, value, registrable });
  });

  it.each([
    '',
    'co.uk',
    'com',
    'localhost',
    'printer.local',
    '127.0.0.1',
    '[::1]',
    'https://',
    'exa mple.com',
    'a..com',
    'javascript:alert(1)',
  ])('refuses %j with a sentence', (text) => {
    expect(parseDomain(text)).toEqual({ ok: false, detail: expect.stringMatching(/example.*\.$/u) });
  });

  it('never throws, and its normal form is its own normal form', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.domain(), fc.webUrl()),
        fc.constantFrom('', '.com', '.co.uk', '。de'),
        (text, suffix) => {
          const first = parseDomain(text + suffix);
          if (!first.ok) return;
          expect(parseDomain(first.value)).toEqual(first);
          expect(parseDomain(`HTTPS://www.${first.value.toUpperCase()}.:443/x`)).toEqual(
            first.value.startsWith('www.') ? expect.objectContaining({ ok: true }) : first,
          );
        },
      ),
    );
  });
});
