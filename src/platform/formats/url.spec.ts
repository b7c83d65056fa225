import fc from 'fast-check';
import { parseWebsite } from './url.js';

describe('parseWebsite', () => {
  it.each([
    ['example.com', 'https://example.com', 'example.com'],
    [' HTTP://WWW.Example.com/ ', 'http://www.example.com', 'example.com'],
    ['http://example.com/?#', 'http://example.com', 'example.com'],
    ['//example.com/a/', 'https://example.com/a/', 'example.com/a'],
    ['example.com:8080/path', 'https://example.com:8080/path', 'example.com:8080/path'],
    ['https://example.com/?q=1#top', 'https://example.com/?q=1#top', 'example.com/?q=1'],
    ['münchen.de/straße', 'https://xn--mnchen-3ya.de/stra%C3%9Fe', 'xn--mnchen-3ya.de/stra%C3%9Fe'],
    ['http://192.0.2.1/x', 'http://192.0.2.1/x', '192.0.2.1/x'],
  ])('reads %j as %j', (text, value, key) => {
    expect(parseWebsite(text)).toEqual({ ok: true, value, key });
  });

  it.each([
    '',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript://example.com/%0aalert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'mailto:ada@example.com',
    'ftp://example.com',
    'https://ada:secret@example.com',
    'https:///',
    'intranet',
    '1.5',
    'http://0x7f.1',
    'two words.com',
    `https://example.com/${'a'.repeat(2048)}`,
  ])('refuses %j with a sentence', (text) => {
    expect(parseWebsite(text)).toEqual({ ok: false, detail: expect.stringMatching(/^.{10,220}\.$/u) });
  });

  it('never throws, always gives http or https, and its normal form is its own normal form', () => {
    const scheme = fc.constantFrom('', 'http://', 'https://', 'javascript:', 'data:', '//', 'HTTPS:');
    const rest = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc.domain(),
    );
    fc.assert(
      fc.property(scheme, rest, fc.constantFrom('', '/', '/a/', '?x', ':99', ':443/'), (prefix, text, end) => {
        const first = parseWebsite(prefix + text + end);
        if (!first.ok) return;
        expect(first.value).toMatch(/^https?:\/\//);
        expect(parseWebsite(first.value)).toEqual(first);
      }),
    );
  });
});
