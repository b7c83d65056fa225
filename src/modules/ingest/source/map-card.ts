import { channelAt, emptyCandidate, type RawCandidate } from './raw-candidate.js';
import { diagnose } from './diagnostics.js';
import type { Vcard } from './parse-vcard.js';
import type { ChannelKind } from './targets.js';
import { bytesOf, listOf, paramValues, partsOf, textOf, type VcardProperty } from './vcard-property.js';

/** A card as a candidate, or a card that is no person. */
export interface MappedCard {
  readonly candidate: RawCandidate;
  /** Why the card is skipped although it could be read. */
  readonly is_group: boolean;
  /** Properties that wait for a room and are not kept: photos and other files. */
  readonly waiting: readonly string[];
}

const MAX_FILE_BYTES = 2 * 1024 * 1024;
const FILES = new Set(['PHOTO', 'LOGO', 'SOUND', 'KEY']);
const ADR_PARTS = ['po_box', 'street2', 'street', 'city', 'region', 'postal_code', 'country'] as const;
const CHANNELS: Readonly<Record<string, ChannelKind>> = {
  EMAIL: 'email',
  TEL: 'phone',
  URL: 'url',
  IMPP: 'im',
  ADR: 'address',
};
/** Messengers with properties of their own; the scheme makes them equal to IMPP. */
const MESSENGERS: Readonly<Record<string, string>> = {
  'X-JABBER': 'xmpp',
  'X-SKYPE': 'skype',
  'X-SKYPE-USERNAME': 'skype',
  'X-AIM': 'aim',
  'X-ICQ': 'icq',
  'X-MSN': 'msnim',
  'X-YAHOO': 'ymsgr',
  'X-QQ': 'qq',
  'X-GTALK': 'xmpp',
  'X-GOOGLE-TALK': 'xmpp',
};
/** TYPE values that say nothing about where a channel leads. */
const SILENT_TYPES = new Set([
  'pref',
  'voice',
  'internet',
  'x400',
  'text',
  'msg',
  'video',
  'textphone',
  'postal',
  'parcel',
  'dom',
  'intl',
  '',
]);
const UNWRAPPED_LABEL = /^_\$!<(.*)>!\$_$/s;

/**
 * Puts the properties of a card at their targets (ingest.md, "Mapping of cards"). What has no target is kept by name, so
 * nothing of a card is lost but inline files.
 * @param isUidExternal whether UID becomes the external id.
 */
export function mapCard(card: Vcard, isUidExternal = false): MappedCard {
  const kept: Record<string, string[]> = {};
  const base = emptyCandidate('contact', card.row, card.line, card.diagnostics);
  const candidate: RawCandidate = { ...base, vcard: kept };
  const waiting: string[] = [];
  const labels = new Map<string, string>();
  for (const property of card.properties) {
    if (property.name === 'X-ABLABEL' && property.group !== undefined) {
      labels.set(property.group, textOf(property).replace(UNWRAPPED_LABEL, '$1'));
    }
  }
  const keep = (name: string, ...texts: string[]): void => {
    const filled = texts.filter((text) => text.trim() !== '');
    if (filled.length > 0) (kept[name] ??= []).push(...filled);
  };
  const field = (name: 'title' | 'external_id', text: string, column: string): void => {
    if (candidate.fields.has(name)) keep(column, text);
    else if (text.trim() !== '') candidate.fields.set(name, { text, column });
  };

  let isGroup = false;
  for (const property of inPreference(card.properties)) {
    const { name } = property;
    const kind = Object.hasOwn(CHANNELS, name) ? CHANNELS[name] : undefined;
    const messenger = Object.hasOwn(MESSENGERS, name) ? MESSENGERS[name] : undefined;
    if (kind !== undefined || messenger !== undefined) {
      addChannel(candidate, property, kind ?? 'im', messenger, labels);
    } else if (FILES.has(name)) {
      const file = bytesOf(property);
      if (file === null) keep(name, textOf(property));
      else if (file.length <= MAX_FILE_BYTES) waiting.push(name);
      else {
        const about = { column: name };
        candidate.diagnostics.push(
          diagnose(
            { row: card.row, line: property.line },
            'warning',
            'file-too-large',
            'the inline file has more than 2 MiB and was dropped',
            about,
          ),
        );
      }
    } else if (name === 'ORG') {
      const [company = '', department = '', ...others] = partsOf(property);
      if (company.trim() !== '' && candidate.company.name === undefined)
        candidate.company.name = { text: company, column: name };
      else keep(name, company);
      if (department.trim() !== '') candidate.attributes.push({ name: 'department', value: department, column: name });
      keep(name, ...others);
    } else if (name === 'TITLE') {
      field('title', textOf(property), name);
    } else if (name === 'CATEGORIES') {
      for (const text of listOf(property)) candidate.tags.push({ text, column: name });
    } else if (name === 'UID' && isUidExternal) {
      field('external_id', textOf(property), name);
    } else if (name === 'BDAY') {
      keep(name, birthday(textOf(property)));
    } else if (name === 'KIND' || name === 'X-ADDRESSBOOKSERVER-KIND') {
      const text = textOf(property).trim().toLowerCase();
      if (text === 'group') isGroup = true;
      else if (text !== 'individual') keep(name, text);
    } else if (name === 'X-ABLABEL' ? property.group === undefined : !STRUCTURAL.has(name)) {
      keep(name, textOf(property));
    }
  }
  addName(candidate, card.properties, keep);
  for (const agent of card.nested)
    keep(
      'AGENT',
      agent.properties
        .filter(({ name }) => name === 'FN')
        .map(textOf)
        .join(', '),
    );
  return { candidate, is_group: isGroup, waiting };
}

const STRUCTURAL = new Set(['VERSION', 'N', 'FN', 'AGENT']);

function addName(
  candidate: RawCandidate,
  properties: readonly VcardProperty[],
  keep: (name: string, ...texts: string[]) => void,
): void {
  const names = properties.filter(({ name }) => name === 'N');
  const [last = '', first = '', additional = '', prefix = '', suffix = ''] =
    names.map(partsOf).find((parts) => parts.some((part) => part.trim() !== '')) ?? [];
  const full = properties.filter(({ name }) => name === 'FN').map(textOf);
  if (first.trim() !== '') candidate.fields.set('first_name', { text: first, column: 'N' });
  if (last.trim() !== '') candidate.fields.set('last_name', { text: last, column: 'N' });
  keep('N.additional', additional);
  keep('N.prefix', prefix);
  keep('N.suffix', suffix);
  const hasName = candidate.fields.has('first_name') || candidate.fields.has('last_name');
  const words = new Set([last, first, additional, prefix, suffix].join(' ').split(/[\s,]+/));
  for (const text of full) {
    if (!hasName && !candidate.fields.has('name') && text.trim() !== '')
      candidate.fields.set('name', { text, column: 'FN' });
    else if (!text.split(/[\s,]+/).every((word) => words.has(word))) keep('FN', text);
  }
}

function addChannel(
  candidate: RawCandidate,
  property: VcardProperty,
  kind: ChannelKind,
  messenger: string | undefined,
  labels: ReadonlyMap<string, string>,
): void {
  const place = candidate.channels.reduce((count, channel) => count + Number(channel.kind === kind), 1);
  if (place > 60) return;
  if (kind === 'address') {
    const parts = partsOf(property);
    if (parts.every((part) => part.trim() === '')) return;
    const channel = channelAt(candidate, kind, place);
    for (const [index, part] of ADR_PARTS.entries()) {
      const text = parts[index] ?? '';
      if (text.trim() !== '') channel.parts[part] = { text, column: property.name };
    }
    setLabel(channel, property, labels);
    return;
  }
  const text = textOf(property).trim();
  if (text === '') return;
  const channel = channelAt(candidate, kind, place);
  const hasScheme = messenger === undefined || /^[a-z][a-z0-9+.-]*:/i.test(text);
  channel.values.push({ text: hasScheme ? text : `${messenger}:${text}`, column: property.name });
  setLabel(channel, property, labels);
}

function setLabel(channel: { label?: string }, property: VcardProperty, labels: ReadonlyMap<string, string>): void {
  const own = property.group === undefined ? undefined : labels.get(property.group);
  const types = paramValues(property, 'TYPE')
    .filter((type) => !SILENT_TYPES.has(type))
    .map((type) => (type === 'cell' ? 'mobile' : type))
    .sort((a, b) => Number(isPlace(b)) - Number(isPlace(a)));
  const label = own ?? [...new Set(types)].join(' ');
  if (label !== '') channel.label = label;
}

function isPlace(type: string): boolean {
  return type === 'work' || type === 'home';
}

/** Preferred ones first (PREF=1..100 of 4.0, TYPE=pref before), otherwise in the order of the card. */
function inPreference(properties: readonly VcardProperty[]): VcardProperty[] {
  const ranks = new Map(properties.map((property) => [property, preference(property)]));
  return [...properties].sort((a, b) => (ranks.get(a) ?? 101) - (ranks.get(b) ?? 101));
}

function preference(property: VcardProperty): number {
  if (property.params.size === 0) return 101;
  const pref = Number(paramValues(property, 'PREF')[0]);
  if (pref >= 1 && pref <= 100) return pref;
  return paramValues(property, 'TYPE').includes('pref') ? 1 : 101;
}

/** `19850412`, `1985-04-12T00:00:00Z` and `--0412` in the extended form of ISO 8601; anything else as it is. */
function birthday(text: string): string {
  const found = /^(\d{4}|--)-?(\d{2})-?(\d{2})(?:T.*)?$/.exec(text.trim());
  if (found === null) return text;
  const [, year = '', month = '', day = ''] = found;
  return year === '--' ? `--${month}-${day}` : `${year}-${month}-${day}`;
}
