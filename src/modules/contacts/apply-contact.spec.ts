import fc from 'fast-check';
import {
  applyContactPatch,
  applyContactRow,
  contactFault,
  type ContactInput,
  contactKeys,
  type ContactValues,
  EMPTY_CONTACT,
  readContact,
} from './apply-contact.js';
import { uniqueChannels } from './channels.js';

const local = fc.stringMatching(/^[a-z]{1,8}$/);
const email = local.map((name) => `${name}@example.com`);
const channel = fc.oneof(
  email.map((value) => ({ kind: 'email' as const, value })),
  fc.record({ kind: fc.constant('im' as const), value: local, label: local }),
);
const channels = fc.array(channel, { maxLength: 6 }).map(uniqueChannels);
const attributes = fc.dictionary(local, fc.oneof(local, fc.integer()), { maxKeys: 4 });
const text = fc.option(local);
const values: fc.Arbitrary<ContactValues> = fc.record({
  external_id: text,
  first_name: text,
  last_name: text,
  title: text,
  company_id: fc.option(fc.uuid()),
  owner_user_id: fc.option(fc.uuid()),
  channels,
  tags: fc.uniqueArray(local),
  attributes,
});
const anyInput: fc.Arbitrary<ContactInput> = fc.record(
  {
    first_name: text,
    title: text,
    email: fc.option(email),
    channels,
    tags: fc.uniqueArray(local),
    attributes: fc.option(attributes),
  },
  { requiredKeys: [] },
);
/** readContact refuses an e-mail address beside a list whose first is another. */
const input = anyInput.filter(({ email: address, channels: given }) => {
  const first = given?.find(({ kind }) => kind === 'email');
  return !address || !first || first.value === address;
});

it('changes only what a patch names', () => {
  fc.assert(
    fc.property(values, (before) => {
      expect(applyContactPatch(before, {})).toEqual(before);
      const { title: _title, ...others } = applyContactPatch(before, { title: 'New' });
      const { title: _before, ...same } = before;
      expect(others).toEqual(same);
    }),
  );
});

it('says the same after the same patch again', () => {
  fc.assert(
    fc.property(values, input, (before, given) => {
      if (given.email === null) return; // Taking the primary away moves the next one up, which is a change each time.
      const once = applyContactPatch(before, given);
      expect(applyContactPatch(once, given)).toEqual(once);
    }),
  );
});

it('makes the given e-mail address the primary one, in the place of the old', () => {
  fc.assert(
    fc.property(values, email, (before, address) => {
      const { channels: after } = applyContactPatch(before, { email: address });
      expect(after.find(({ kind }) => kind === 'email')?.value).toBe(address);
      expect(after.filter(({ value }) => value === address && value.includes('@'))).toHaveLength(1);
    }),
  );
});

it('writes nothing when a row of a batch comes again, whatever the options', () => {
  const options = fc.record({
    on_match: fc.constantFrom('update' as const, 'fill_empty' as const),
    replace: fc.subarray(['tags', 'attributes', 'channels'] as const),
  });
  fc.assert(
    fc.property(values, input, options, (before, given, chosen) => {
      const once = applyContactRow(before, given, chosen);
      expect(applyContactRow(once, given, chosen)).toEqual(once);
    }),
  );
});

it('never loses a value to a row that fills what is empty', () => {
  fc.assert(
    fc.property(values, input, (before, given) => {
      const after = applyContactRow(before, given, { on_match: 'fill_empty' });
      for (const field of ['external_id', 'first_name', 'last_name', 'title', 'company_id', 'owner_user_id'] as const) {
        if (before[field] !== null) expect(after[field]).toBe(before[field]);
      }
      expect(after.attributes).toMatchObject(before.attributes);
      expect(after.tags.slice(0, before.tags.length)).toEqual(before.tags);
      for (const { value } of before.channels) expect(after.channels.map((channel) => channel.value)).toContain(value);
    }),
  );
});

it('finds the row that it made by the keys of the row', () => {
  fc.assert(
    fc.property(input, (given) => {
      const made = contactKeys(applyContactRow(EMPTY_CONTACT, given, {}));
      // The primary address of a new contact replaces none, so all keys are there.
      if (!given.email || !given.channels) expect(made).toEqual(expect.arrayContaining(contactKeys(given)));
    }),
  );
});

describe('readContact', () => {
  it('brings addresses into their normal form', () => {
    expect(readContact({ email: ' ADA@Example.COM ', phone: '044 668 18 00', first_name: '' }, '', 'CH')).toEqual({
      email: 'ada@example.com',
      phone: '+41446681800',
      first_name: null,
    });
  });

  it('points at each mistake', () => {
    const read = readContact(
      {
        email: 'bad',
        phone: 'none',
        tags: ['ok', ' '],
        channels: [{ kind: 'url', value: 'javascript:alert(1)' }],
        attributes: { a: { b: { c: { d: { e: { f: 1 } } } } } },
      },
      '/3',
    );
    expect(Array.isArray(read) && read.map(({ pointer }) => pointer)).toEqual([
      '/3/channels/0/value',
      '/3/email',
      '/3/phone',
      '/3/tags/1',
      '/3/attributes',
    ]);
  });

  it('refuses an e-mail address that contradicts the list', () => {
    const list = [{ kind: 'email' as const, value: 'a@example.com' }];
    expect(readContact({ email: 'b@example.com', channels: list })).toEqual([
      expect.objectContaining({ pointer: '/email' }),
    ]);
    expect(readContact({ email: 'A@example.com', channels: list })).toMatchObject({ email: 'a@example.com' });
  });
});

it('wants some identity', () => {
  expect(contactFault(EMPTY_CONTACT)?.pointer).toBe('');
  expect(contactFault({ ...EMPTY_CONTACT, external_id: 'x' })).toBeUndefined();
  expect(contactFault({ ...EMPTY_CONTACT, channels: [{ kind: 'im', value: 'ada' }] })).toBeUndefined();
});
