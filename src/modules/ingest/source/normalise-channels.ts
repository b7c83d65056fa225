import { parseEmail } from '../../../platform/formats/email.js';
import { parsePhone, phoneText } from '../../../platform/formats/phone.js';
import { cleanLine } from '../../../platform/formats/text.js';
import { parseWebsite } from '../../../platform/formats/url.js';
import { diagnose, type DiagnosticCode } from './diagnostics.js';
import type { RawCandidate, RawChannel, RawText } from './raw-candidate.js';
import { ADDRESS_PARTS, type ChannelKind } from './targets.js';
import type { Leftovers } from './leftovers.js';

/** A channel as the contacts room takes it; the first of a kind is the primary one. */
export interface ChannelValue {
  readonly kind: ChannelKind;
  readonly value: string;
  readonly label?: string;
}

/** The same channels make the same list, whatever the order of the columns: otherwise a second export would be a change. */
const KIND_ORDER: Readonly<Record<ChannelKind, number>> = { email: 0, phone: 1, url: 2, im: 3, address: 4, other: 5 };
const MAX_CHANNELS = 50;
const MAX_LABEL = 64;
const MAX_TEXT = 1000;
/** Labels that every exporter has, each in a case of its own; what people wrote themselves keeps its case. */
const USUAL_LABELS = new Set(
  'home work mobile cell other main fax pager iphone school personal business custom linkedin blog profile homepage'.split(
    ' ',
  ),
);

/** Reads the channels of a candidate, by kind and place; a broken one goes to the leftovers with a warning. */
export function normaliseChannels(raw: RawCandidate, region: string | undefined, leftovers: Leftovers): ChannelValue[] {
  const channels: ChannelValue[] = [];
  const seen = new Set<string>();
  let dropped = 0;
  for (const channel of inOrder(raw.channels)) {
    const label = labelOf(channel);
    for (const given of channel.kind === 'address' ? addressLines(channel) : channel.values) {
      const value = valueOf(raw, channel.kind, given, region, leftovers);
      if (value === null || seen.has(`${channel.kind} ${value}`)) continue;
      seen.add(`${channel.kind} ${value}`);
      if (channels.length === MAX_CHANNELS) dropped++;
      else channels.push(label === null ? { kind: channel.kind, value } : { kind: channel.kind, value, label });
    }
  }
  if (dropped > 0) {
    const message = `a contact has at most ${MAX_CHANNELS} channels; ${dropped} were dropped`;
    raw.diagnostics.push(diagnose(raw, 'warning', 'too-many-values', message, { field: 'channels' }));
  }
  return channels;
}

function inOrder(channels: readonly RawChannel[]): readonly RawChannel[] {
  if (channels.length < 2) return channels;
  return [...channels].sort((a, b) => KIND_ORDER[a.kind] - KIND_ORDER[b.kind] || a.place - b.place);
}

function labelOf(channel: RawChannel): string | null {
  const label = cleanLine((channel.label ?? channel.label_by_column ?? '').slice(0, 4 * MAX_LABEL));
  if (label === null) return null;
  const lower = label.toLowerCase();
  return Array.from(lower.split(' ').every((word) => USUAL_LABELS.has(word)) ? lower : label)
    .slice(0, MAX_LABEL)
    .join('');
}

function valueOf(
  raw: RawCandidate,
  kind: ChannelKind,
  given: RawText,
  region: string | undefined,
  leftovers: Leftovers,
): string | null {
  const line = cleanLine(given.text);
  if (line === null) return null;
  const keepAside = (code: DiagnosticCode, detail: string): null => leftovers.keep(raw, kind, given, code, detail);
  switch (kind) {
    case 'email': {
      const email = parseEmail(line);
      return email.ok ? email.value : keepAside('invalid-email', email.detail);
    }
    case 'phone': {
      if (line.length > 255) return keepAside('too-long', 'a phone number has at most 255 characters');
      const phone = parsePhone(line, region);
      if (!phone.ok) return keepAside('invalid-phone', phone.detail);
      if (!phone.is_valid) {
        const message = 'not a valid phone number; kept as written';
        const about = { field: 'phone', column: given.column, value: given.text };
        raw.diagnostics.push(diagnose(raw, 'warning', 'invalid-phone', message, about));
      }
      return phoneText(phone);
    }
    case 'url': {
      const url = parseWebsite(line);
      return url.ok ? url.value : keepAside('invalid-url', url.detail);
    }
    case 'im':
    case 'address':
    case 'other':
      return line.length <= MAX_TEXT ? line : keepAside('too-long', `at most ${MAX_TEXT} characters fit`);
  }
}

/** One line for an address in parts; the formatted one serves only when there are none, for it repeats them. */
function addressLines(channel: RawChannel): RawText[] {
  const { parts } = channel;
  const texts: string[] = [];
  let column = '';
  for (const part of ADDRESS_PARTS) {
    const given = parts[part];
    if (given === undefined || (part === 'formatted' && texts.length > 0)) continue;
    const lines = given.text.split(/[\r\n]+/).flatMap((text) => cleanLine(text) ?? []);
    if (lines.length === 0) continue;
    texts.push(lines.join(', '));
    if (column === '') column = given.column;
  }
  return texts.length === 0 ? [] : [{ text: texts.join(', '), column }];
}
