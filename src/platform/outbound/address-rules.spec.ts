import fc from 'fast-check';
import { AddressRules } from './address-rules.js';

const closed = new AddressRules([]);

describe('AddressRules', () => {
  // first and last address of each range of the outbound guard
  it.each([
    ['0.0.0.0', '0.255.255.255'],
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['169.254.169.254', '169.254.170.2'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.0.0.0', '192.0.0.255'],
    ['192.0.2.0', '192.0.2.255'],
    ['192.88.99.0', '192.88.99.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.18.0.0', '198.19.255.255'],
    ['198.51.100.0', '198.51.100.255'],
    ['203.0.113.0', '203.0.113.255'],
    ['224.0.0.0', '255.255.255.255'],
    ['::', '::1'],
    ['::127.0.0.1', '::ffff:ffff'],
    ['64:ff9b::', '64:ff9b::ffff:ffff'],
    ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
    ['100::', '100::ffff:ffff:ffff:ffff'],
    ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['::ffff:127.0.0.1', '::ffff:7f00:1'],
    ['0:0:0:0:0:FFFF:10.0.0.1', '::ffff:a9fe:a9fe'],
    ['fe80::1%eth0', '2606:4700::1%1'],
  ])('closes %s to %s', (first, last) => {
    expect([closed.isAllowed(first), closed.isAllowed(last)]).toEqual([false, false]);
  });

  it.each(['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'])(
    'leaves %s open, also when it is v4-mapped',
    (address) => {
      expect(closed.isAllowed(address)).toBe(true);
      expect(closed.isAllowed(`::ffff:${address}`)).toBe(true);
    },
  );

  it.each([
    '172.15.255.255',
    '172.32.0.0',
    '198.20.0.0',
    '223.255.255.255',
    '2001:200::',
    '2606:4700::1111',
    '2003::',
    '4000::',
  ])('leaves %s open', (address) => {
    expect(closed.isAllowed(address)).toBe(true);
  });

  it.each(['', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '1.2.3.4.5', '[::1]', '1.2.3.4 '])(
    'never allows %j, which is no address',
    (text) => {
      expect(new AddressRules(['0.0.0.0/0', '::/0']).isAllowed(text)).toBe(false);
    },
  );

  it('opens what the operator names, and nothing beside it', () => {
    const rules = new AddressRules(['10.1.0.0/16', '127.0.0.2', 'fd00::/8']);
    expect(['10.1.2.3', '::ffff:10.1.2.3', '127.0.0.2', 'fd12::1'].map((address) => rules.isAllowed(address))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['10.2.0.0', '127.0.0.1', 'fc00::1'].map((address) => rules.isAllowed(address))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0/8', 'internal', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1'])(
    'stops the start at %j',
    (cidr) => {
      expect(() => new AddressRules([cidr])).toThrow('is no network');
    },
  );

  it('judges a v4-mapped address, in any spelling, by its IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = `::FFFF:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        expect(closed.isAllowed(hex)).toBe(closed.isAllowed(address));
        expect(closed.isAllowed(`0:0:0:0:0:ffff:${address}`)).toBe(closed.isAllowed(address));
        expect(closed.isAllowed(`64:ff9b::${address}`)).toBe(false);
        expect(closed.isAllowed(`::${address}`)).toBe(false);
      }),
    );
  });

  it('never throws, whatever text it is asked about', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.ipV6()),
        (text) => typeof closed.isAllowed(text) === 'boolean',
      ),
    );
  });
});
