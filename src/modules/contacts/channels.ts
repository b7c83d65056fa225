import { parseEmail } from '../../platform/formats/email.js';
import { type Parsed, refused } from '../../platform/formats/parsed.js';
import { parsePhone, phoneText } from '../../platform/formats/phone.js';
import { parseWebsite } from '../../platform/formats/url.js';

export const CHANNEL_KINDS = ['email', 'phone', 'url', 'im', 'address', 'other'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** At most so many channels on one contact. */
export const MOST_CHANNELS = 50;
/** Characters of one channel's value; texts of a URL may be longer, see platform/formats. */
const LONGEST_VALUE = 1_000;

/** One address at which a person can be reached, in normal form. In a list the first of a kind is the primary one. */
export interface Channel {
  readonly kind: ChannelKind;
  readonly value: string;
  readonly label?: string;
}

/**
 * Brings one address into its normal form: e-mail lower-case, phone E.164 where it is valid, URL absolute.
 * @param region ISO 3166-1 alpha-2, for phone numbers without country code.
 */
export function readChannelValue(kind: ChannelKind, text: string, region?: string): Parsed<{ value: string }> {
  if (kind === 'email') return parseEmail(text);
  if (kind === 'url') return parseWebsite(text);
  if (text.length > LONGEST_VALUE) return refused(`A channel has at most ${LONGEST_VALUE} characters.`);
  if (kind === 'phone') {
    const phone = parsePhone(text, region);
    return phone.ok ? { ok: true, value: phoneText(phone) } : phone;
  }
  return text === '' ? refused('A channel has a value; leave the empty one out.') : { ok: true, value: text };
}

/**
 * What a stored value is found and compared by, or null for kinds that nothing is found by. The function
 * app.channel_key of the database is the same rule.
 */
export function channelKey(kind: ChannelKind, value: string): string | null {
  switch (kind) {
    case 'email':
      return value;
    case 'phone':
      return (value.split(';ext=', 1)[0] ?? '').replace(/[^0-9]+/g, '') || null;
    case 'url':
      return (value.split('#', 1)[0] ?? '').replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '') || null;
    case 'im':
    case 'address':
    case 'other':
      return null;
  }
}

/** Two channels with one identity are the same address. */
function identity({ kind, value }: Channel): string {
  return `${kind} ${kind === 'phone' ? value : (channelKey(kind, value) ?? value)}`;
}

/** The list without repetitions: the first of equal addresses stays, and takes a label that only a later one has. */
export function uniqueChannels(channels: readonly Channel[]): Channel[] {
  return uniteChannels([], channels);
}

/** Both lists as one: addresses that are there keep their place and label, new ones come behind. */
export function uniteChannels(present: readonly Channel[], added: readonly Channel[]): Channel[] {
  const first = new Map<string, Channel>();
  for (const channel of [...present, ...added]) {
    const key = identity(channel);
    const known = first.get(key);
    if (!known) first.set(key, channel);
    else if (known.label === undefined && channel.label !== undefined)
      first.set(key, { ...known, label: channel.label });
  }
  return [...first.values()];
}

/** The primary address of a kind. */
export function primaryOf(channels: readonly Channel[], kind: ChannelKind): Channel | undefined {
  return channels.find((channel) => channel.kind === kind);
}

/**
 * Sets the primary address of a kind in the place of the old one, which is gone and whose label stays; null takes the
 * primary away, and the next of its kind moves up.
 */
export function withPrimary(channels: readonly Channel[], kind: ChannelKind, value: string | null): Channel[] {
  const old = primaryOf(channels, kind);
  if (value === null) return channels.filter((channel) => channel !== old);
  if (!old) return [...channels, { kind, value }];
  const known = channels.find((channel) => identity(channel) === identity({ kind, value }));
  const label = known ? known.label : old.label;
  const primary: Channel = { kind, value, ...(label !== undefined && { label }) };
  return channels
    .filter((channel) => channel === old || channel !== known)
    .map((channel) => (channel === old ? primary : channel));
}

/** Adds an address, or labels the one that is there; as the primary one it comes before all of its kind. */
export function withChannel(channels: readonly Channel[], added: Channel, is_primary: boolean): Channel[] {
  const at = channels.findIndex((channel) => identity(channel) === identity(added));
  const known = channels[at];
  const channel = known ? { ...known, ...added } : added;
  if (!is_primary) return known ? channels.with(at, channel) : [...channels, channel];
  const others = channels.filter((_other, index) => index !== at);
  const first = others.findIndex(({ kind }) => kind === added.kind);
  const place = known && (first < 0 || at <= first) ? at : first < 0 ? others.length : first;
  return others.toSpliced(place, 0, channel);
}
