import fc from 'fast-check';
import { type Channel, uniteChannels, withChannel, withPrimary } from './channels.js';

const value = fc.constantFrom('a@example.com', 'b@example.com', 'c@example.com');
const channel = value.map((text): Channel => ({ kind: 'email', value: text }));
const list = fc.uniqueArray(channel, { selector: ({ value: text }) => text });

it('unites lists without doubles, those that are there first', () => {
  fc.assert(
    fc.property(list, list, (present, added) => {
      const united = uniteChannels(present, added);
      expect(united.slice(0, present.length)).toEqual(present);
      expect(new Set(united.map((one) => one.value)).size).toBe(united.length);
      expect(uniteChannels(united, added)).toEqual(united);
    }),
  );
});

it('adds an address once, and as the primary one before all of its kind', () => {
  fc.assert(
    fc.property(list, channel, fc.boolean(), (present, added, is_primary) => {
      const after = withChannel(present, added, is_primary);
      expect(after.filter((one) => one.value === added.value)).toHaveLength(1);
      expect(after).toHaveLength(
        present.some((one) => one.value === added.value) ? present.length : present.length + 1,
      );
      if (is_primary) expect(after[0]).toEqual(added);
      expect(withChannel(after, added, is_primary)).toEqual(after);
    }),
  );
});

it('keeps addresses of other kinds in their places', () => {
  const im: Channel = { kind: 'im', value: 'ada' };
  const [a, b]: Channel[] = [
    { kind: 'email', value: 'a@example.com', label: 'work' },
    { kind: 'email', value: 'b@example.com' },
  ];
  expect(withPrimary([im, a as Channel, b as Channel], 'email', 'c@example.com')).toEqual([
    im,
    { kind: 'email', value: 'c@example.com', label: 'work' },
    b,
  ]);
  expect(withPrimary([im, a as Channel, b as Channel], 'email', null)).toEqual([im, b]);
  expect(withPrimary([im, a as Channel, b as Channel], 'email', 'b@example.com')).toEqual([im, b]);
});
