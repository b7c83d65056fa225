import fc from 'fast-check';
import { addressSubject, TrustedAddress } from './trusted-address.js';

const proxied = new TrustedAddress(['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.7']);

it('ignores X-Forwarded-For without trusted proxies', () => {
  expect(new TrustedAddress([]).of('10.0.0.1', '203.0.113.9')).toBe('10.0.0.1');
});

it('ignores X-Forwarded-For of a socket that is no trusted proxy', () => {
  expect(proxied.of('198.51.100.1', '203.0.113.9')).toBe('198.51.100.1');
});

it.each([
  ['one proxy', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['two proxies', '10.0.0.1', '203.0.113.9, 10.2.3.4', '203.0.113.9'],
  ['a forged entry in front', '10.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
  ['a forged entry that names a proxy', '10.0.0.1', '10.9.9.9, 203.0.113.9', '203.0.113.9'],
  ['nothing but proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['rubbish', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['rubbish before a proxy', '10.0.0.1', 'unknown, 10.0.0.2', '10.0.0.2'],
  ['an empty header', '10.0.0.1', '', '10.0.0.1'],
  ['a port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
  ['a bracketed address with a port', '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
  ['a proxy on an IPv4-mapped socket', '::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['a proxy on IPv6', '2001:db8:ffff::5', '2001:db8:1::1', '2001:db8:1::1'],
  ['a single trusted address', '192.0.2.7', '203.0.113.9', '203.0.113.9'],
])('finds the client behind %s', (_, socket, header, client) => {
  expect(proxied.of(socket, header)).toBe(client);
});

it('reads a header that was sent twice as one list', () => {
  expect(proxied.of('10.0.0.1', ['203.0.113.9', '10.0.0.2'])).toBe('203.0.113.9');
});

it('answers null for a socket that is gone', () => {
  expect(proxied.of(undefined, '203.0.113.9')).toBeNull();
});

it.each(['10.0.0.0/33', 'proxy.example', '10.0.0.0/8/8', '', '::/129', '10.0.0.0/x'])(
  'refuses %s as a proxy',
  (cidr) => {
    expect(() => new TrustedAddress([cidr])).toThrow(/no address and no CIDR/);
  },
);

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0000:0001:ffff::', '2001:db8:0:1::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
])('counts %s as %s', (address, subject) => {
  expect(addressSubject(address)).toBe(subject);
});

it('gives every address of a /64 one bucket, and neighbouring networks another', () => {
  const groups = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });
  const hex = (numbers: readonly number[]) => numbers.map((group) => group.toString(16)).join(':');
  fc.assert(
    fc.property(groups, groups, (one, other) => {
      fc.pre(one.slice(0, 6).some((group) => group !== 0));
      const subject = addressSubject(hex(one));
      expect(addressSubject(hex([...one.slice(0, 4), ...other.slice(4)]))).toBe(subject);
      expect(addressSubject(new URL(`http://[${hex(one)}]`).hostname.slice(1, -1))).toBe(subject);
      const beside = [...one];
      beside[3] = ((one[3] ?? 0) + 1) & 0xffff;
      expect(addressSubject(hex(beside))).not.toBe(subject);
    }),
  );
});

it('never trusts what a stranger writes, whatever it is', () => {
  fc.assert(
    fc.property(fc.string(), (header) => {
      expect(proxied.of('198.51.100.1', header)).toBe('198.51.100.1');
      expect(proxied.of('10.0.0.1', `${header}, 203.0.113.9`)).toBe('203.0.113.9');
    }),
  );
});
