import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { derivePassword, Secrets, SecretUnreadableError } from './secrets.js';

const MASTER = 'a master secret for tests, long enough';
const OTHER = 'another master secret, also long enough';
const scope = { workspace_id: '0192f0c1-2a00-7000-8000-000000000001', purpose: 'webhooks.signing' };
const secrets = new Secrets(MASTER);
const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array));

describe('Secrets', () => {
  it('opens what it sealed, for any bytes and scope, 33 bytes longer', () => {
    fc.assert(
      fc.property(bytes, fc.string(), fc.string({ unit: 'grapheme' }), (plaintext, workspace_id, purpose) => {
        const sealed = secrets.encrypt(plaintext, { workspace_id, purpose });
        expect(sealed.length).toBe(plaintext.length + 33);
        expect(secrets.decrypt(sealed, { workspace_id, purpose })).toEqual(plaintext);
      }),
    );
  });

  it('opens texts as UTF-8', () => {
    expect(secrets.decrypt(secrets.encrypt('sëcret 😀', scope), scope).toString('utf8')).toBe('sëcret 😀');
  });

  it('never seals to the same bytes twice, nor shows the plaintext', () => {
    const sealed = Array.from({ length: 200 }, () => secrets.encrypt('a well known token', scope));
    expect(new Set(sealed.map((envelope) => envelope.toString('hex'))).size).toBe(200);
    expect(sealed.some((envelope) => envelope.includes('well known'))).toBe(false);
  });

  it('notices every changed, missing and added byte', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (plaintext, place, difference) => {
        const sealed = secrets.encrypt(plaintext, scope);
        const changed = Buffer.from(sealed);
        const at = place % sealed.length;
        changed[at] = (changed[at] ?? 0) ^ difference;
        for (const broken of [changed, sealed.subarray(0, at), Buffer.concat([sealed, Buffer.of(difference)])]) {
          expect(() => secrets.decrypt(broken, scope)).toThrow(SecretUnreadableError);
        }
      }),
    );
  });

  it('opens for no other workspace and no other purpose, however the two are cut', () => {
    const sealed = secrets.encrypt('x', { workspace_id: 'ab', purpose: 'c' });
    for (const [workspace_id, purpose] of [
      ['ab', 'd'],
      ['a', 'bc'],
      ['abc', ''],
      ['', 'abc'],
      ['ab","', 'c'],
    ] as const) {
      expect(() => secrets.decrypt(sealed, { workspace_id, purpose })).toThrow(SecretUnreadableError);
    }
  });

  it('never crashes on bytes from anywhere', () => {
    fc.assert(
      fc.property(bytes, fc.boolean(), (random, isPrefixed) => {
        const prefix = isPrefixed ? secrets.encrypt('', scope).subarray(0, 5) : Buffer.alloc(0);
        expect(() => secrets.decrypt(Buffer.concat([prefix, random]), scope)).toThrow(SecretUnreadableError);
      }),
    );
  });

  it('after a rotation opens old envelopes, seals with the new secret and tells them apart', () => {
    const old = secrets.encrypt('kept', scope);
    const rotated = new Secrets(OTHER, [MASTER]);
    const fresh = rotated.encrypt('kept', scope);
    expect(rotated.decrypt(old, scope).toString()).toBe('kept');
    expect([rotated.isCurrent(old), rotated.isCurrent(fresh)]).toEqual([false, true]);
    expect(() => secrets.decrypt(fresh, scope)).toThrow('unknown-key');
    expect(() => new Secrets(OTHER).decrypt(old, scope)).toThrow('unknown-key');
  });

  it('refuses a master secret that could be guessed', () => {
    expect(() => new Secrets('short')).toThrow('at least 32');
    expect(() => new Secrets(MASTER, ['short'])).toThrow('at least 32');
  });

  it('opens an envelope of version 1 that was sealed long ago', () => {
    const sealed = Buffer.from('AelWWF5kKQtlnuJEsMyGRI/O2utOOCGIlAurdgJRA4U6hbKWkDIj6w==', 'base64');
    expect(secrets.decrypt(sealed, scope).toString()).toBe('whsec_1');
  });
});

describe('derivePassword', () => {
  it('is HMAC-SHA-256 in base64url: the same for a label, another for another', () => {
    expect(derivePassword(MASTER, 'database role engawa_app')).toBe(
      createHmac('sha256', MASTER).update('database role engawa_app').digest('base64url'),
    );
    expect(derivePassword(MASTER, 'a')).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(derivePassword(MASTER, 'a')).not.toBe(derivePassword(MASTER, 'b'));
    expect(derivePassword(OTHER, 'a')).not.toBe(derivePassword(MASTER, 'a'));
  });
});
