import fc from 'fast-check';
import { audiencesOf, endOf, MAX_TOKEN_BYTES, readToken, textClaim, textsOf } from './bearer-token.js';

const part = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
const token = (header: unknown, claims: unknown) => `${part(header)}.${part(claims)}.c2ln`;

describe('readToken', () => {
  it('reads header and claims of any JWT, and no header that names a key', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (claims) => {
        const read = readToken(token({ alg: 'RS256', kid: 'k', jwk: {}, jku: 'x', x5u: 'y' }, claims));
        expect(read?.header).toEqual({ alg: 'RS256', kid: 'k', has_crit: false });
        expect(JSON.stringify(read?.claims)).toBe(JSON.stringify(JSON.parse(JSON.stringify(claims))));
      }),
    );
  });

  it('never throws, whatever it is given', () => {
    const parts = fc.array(fc.oneof(fc.string(), fc.jsonValue().map(part)), { maxLength: 4 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          parts.map((some) => some.join('.')),
        ),
        (text) => {
          const read = readToken(text);
          expect(read === null || typeof read.header.alg === 'string').toBe(true);
        },
      ),
    );
  });

  it('refuses what is unsigned, malformed, or over 16 KiB', () => {
    const long = token({ alg: 'RS256' }, { filler: 'x'.repeat(13_000) });
    expect(long.length).toBeGreaterThan(MAX_TOKEN_BYTES);
    const unsigned = `${part({ alg: 'none' })}.${part({})}.`;
    for (const text of [long, unsigned, '', 'a.b', 'a.b.c', token([], {}), token({}, {}), token({ alg: 1 }, {})]) {
      expect(readToken(text)).toBeNull();
    }
    expect(readToken(token({ alg: 'RS256', kid: 7 }, {}))).toBeNull();
    expect(readToken(token({ alg: 'RS256', crit: [] }, {}))?.header.has_crit).toBe(true);
  });
});

describe('claims', () => {
  it('are texts only when a database can hold them', () => {
    const claims = { a: 'x', b: '', c: 7, d: 'a\0b', e: '\ud800', f: 'y'.repeat(1_001), g: ['x'] };
    expect(Object.keys(claims).filter((name) => textClaim(claims, name) !== undefined)).toEqual(['a']);
    expect(textsOf(claims)).toEqual(['x']);
    expect(textClaim({}, 'toString')).toBeUndefined();
  });

  it('name one audience or several, and an end in seconds', () => {
    expect([audiencesOf({ aud: 'a' }), audiencesOf({ aud: ['a', 1, '', 'b'] }), audiencesOf({})]).toEqual([
      ['a'],
      ['a', 'b'],
      [],
    ]);
    expect([endOf({ exp: 2 }), endOf({ exp: '2' }), endOf({})]).toEqual([2_000, undefined, undefined]);
  });
});
