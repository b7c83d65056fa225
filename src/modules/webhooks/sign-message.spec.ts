import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { signMessage } from './sign-message.js';
import { newSecret, publicKeyOf, readSecret } from './signing-secret.js';

const hmac = { kind: 'hmac', text: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } as const;

it('signs the vector of Standard Webhooks', () => {
  const message = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp_s: 1_614_265_330,
    body: Buffer.from('{"test": 2432232314}'),
  };
  expect(signMessage(message, [hmac])).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

it('is accepted by an independent verifier whatever the text, and refused when anything changes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.uuid(), (text, id) => {
      const secret = newSecret('hmac');
      const timestamp_s = Math.floor(Date.now() / 1_000);
      const body = Buffer.from(JSON.stringify({ text }));
      const headers = (timestamp: number, key = id) => ({
        'webhook-id': key,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signMessage({ id, timestamp_s, body }, [secret]),
      });
      const verifier = new Webhook(secret.text);
      expect(verifier.verify(body, headers(timestamp_s))).toEqual({ text });
      expect(() => verifier.verify(Buffer.concat([body, Buffer.from(' ')]), headers(timestamp_s))).toThrow();
      expect(() => verifier.verify(body, headers(timestamp_s + 1))).toThrow();
      expect(() => verifier.verify(body, headers(timestamp_s, `${id}x`))).toThrow();
      expect(() => new Webhook(newSecret('hmac').text).verify(body, headers(timestamp_s))).toThrow();
    }),
    { numRuns: 50 },
  );
});

it('signs once per secret, both kinds side by side', () => {
  const asymmetric = newSecret('ed25519');
  const message = { id: 'a', timestamp_s: 1, body: Buffer.from('🦊') };
  const [first = '', second = ''] = signMessage(message, [asymmetric, hmac]).split(' ');
  expect(second).toMatch(/^v1,/);
  const der = Buffer.concat([
    Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from(publicKeyOf(asymmetric.text).slice('whpk_'.length), 'base64'),
  ]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const signature = Buffer.from(first.slice('v1a,'.length), 'base64');
  expect(verify(null, Buffer.from('a.1.🦊'), key, signature)).toBe(true);
  expect(verify(null, Buffer.from('a.2.🦊'), key, signature)).toBe(false);
});

it('reads its own secrets and refuses what cannot sign', () => {
  for (const kind of ['hmac', 'ed25519'] as const) {
    const secret = newSecret(kind);
    expect(readSecret(secret.text)).toEqual(secret);
  }
  const bytes = (count: number) => `whsec_${Buffer.alloc(count, 7).toString('base64')}`;
  expect(readSecret(bytes(24))).toMatchObject({ kind: 'hmac' });
  expect(readSecret(bytes(64))).toMatchObject({ kind: 'hmac' });
  const swapped = `whsk_${Buffer.alloc(64, 7).toString('base64')}`;
  for (const text of [bytes(23), bytes(65), 'whsec_', 'whsec_!!!!', 'secret', swapped, 'whsk_AAAA']) {
    expect(typeof readSecret(text)).toBe('string');
  }
});
