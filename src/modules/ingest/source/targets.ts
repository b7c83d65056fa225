import { nearestName } from '../../../platform/errors/nearest-name.js';

/** The entities that rows can become today. Rooms that come later register theirs. */
export const ENTITIES = ['contact', 'company'] as const;
export type Entity = (typeof ENTITIES)[number];

/** Entities that ingest knows by name and that wait for their room. */
const WAITING_ENTITIES: Readonly<Record<string, string>> = { note: 'notes', chunk: 'chunks', deal: 'deals' };

/** Kinds of channel of a contact, as the contacts room has them. */
export const CHANNEL_KINDS = ['email', 'phone', 'url', 'im', 'address', 'other'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** Parts a postal address may come in, in the order in which they are joined to one line. */
export const ADDRESS_PARTS = [
  'po_box',
  'street',
  'street2',
  'street3',
  'city',
  'region',
  'postal_code',
  'country',
  'formatted',
] as const;
export type AddressPart = (typeof ADDRESS_PARTS)[number];

/** Plain fields; `name` is a person's full name, to be split, or a company's. */
const FIELDS = {
  contact: ['first_name', 'last_name', 'name', 'title', 'external_id'],
  company: [
    'name',
    'domain',
    'website',
    'industry',
    'employee_count',
    'annual_revenue',
    'currency',
    'description',
    'external_id',
  ],
} as const;
export type FieldName = (typeof FIELDS)[Entity][number];

/** Targets that other rooms will take; until then such a column is reported as not mapped. */
const WAITING_TARGETS: Readonly<Record<string, string>> = {
  note: 'notes',
  birthday: 'custom fields',
  photo: 'files',
  deal: 'deals',
};

/** Where the cells of a column go. */
export type Target =
  | { readonly kind: 'field'; readonly name: FieldName }
  | {
      readonly kind: 'channel';
      readonly channel: ChannelKind;
      /** 1-based place in the list of its kind; the first is the primary one. */
      readonly place: number;
      readonly part: 'value' | 'label' | AddressPart;
    }
  | { readonly kind: 'company'; readonly part: 'name' | 'domain' }
  | { readonly kind: 'tags' }
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'waiting'; readonly name: string; readonly room: string };

/** A name that is none, with the one that was probably meant. */
export interface UnknownName {
  readonly ok: false;
  readonly detail: string;
  readonly suggestion?: string;
}

const LISTS: Readonly<Record<string, ChannelKind>> = {
  emails: 'email',
  phones: 'phone',
  urls: 'url',
  ims: 'im',
  addresses: 'address',
  others: 'other',
};
const MAX_PLACE = 50;
const MAX_ATTRIBUTE_NAME = 100;
const REFUSED_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/** Reads an entity name. */
export function parseEntity(name: string): { readonly ok: true; readonly entity: Entity } | UnknownName {
  const entity = ENTITIES.find((known) => known === name);
  if (entity !== undefined) return { ok: true, entity };
  if (Object.hasOwn(WAITING_ENTITIES, name)) {
    return {
      ok: false,
      detail: `${name} waits for the room of ${WAITING_ENTITIES[name]}; known are ${ENTITIES.join(', ')}`,
    };
  }
  return unknownName('entity', name, ENTITIES);
}

/** Reads a target such as `first_name`, `emails[2].label`, `attributes.vat_id`, `company.domain` or `tags+`. */
export function parseTarget(
  text: string,
  entity: Entity,
): { readonly ok: true; readonly target: Target } | UnknownName {
  const found = targetOf(text.trim(), entity);
  return found === undefined ? unknownName('target', text, knownTargets(entity)) : { ok: true, target: found };
}

function targetOf(text: string, entity: Entity): Target | undefined {
  const field = FIELDS[entity].find((name) => name === text);
  if (field !== undefined) return { kind: 'field', name: field };
  if (text === 'tags' || text === 'tags+') return { kind: 'tags' };
  const room = Object.hasOwn(WAITING_TARGETS, text) ? WAITING_TARGETS[text] : undefined;
  if (room !== undefined) return { kind: 'waiting', name: text, room };
  if (text.startsWith('attributes.')) {
    const name = text.slice('attributes.'.length);
    const isName = name.length > 0 && name.length <= MAX_ATTRIBUTE_NAME && !/[\p{C}]/u.test(name);
    return isName && !REFUSED_NAMES.has(name) ? { kind: 'attribute', name } : undefined;
  }
  return entity === 'contact' ? contactTargetOf(text) : undefined;
}

function contactTargetOf(text: string): Target | undefined {
  if (text === 'company' || text === 'company.name') return { kind: 'company', part: 'name' };
  if (text === 'company.domain') return { kind: 'company', part: 'domain' };
  const single = CHANNEL_KINDS.find((kind) => kind === text);
  if (single !== undefined)
    return { kind: 'channel', channel: single, place: 1, part: single === 'address' ? 'formatted' : 'value' };
  if (Object.hasOwn(LISTS, text)) return contactTargetOf(`${text}[1]`);
  const listed = /^([a-z]+)\[(\d{1,3})\](?:\.([a-z_0-9]+))?$/.exec(text);
  if (listed === null) return undefined;
  const [, list = '', digits = '', partName = 'value'] = listed;
  const channel = Object.hasOwn(LISTS, list) ? LISTS[list] : undefined;
  const place = Number(digits);
  if (channel === undefined || place < 1 || place > MAX_PLACE) return undefined;
  if (partName === 'label') return { kind: 'channel', channel, place, part: 'label' };
  if (channel !== 'address')
    return partName === 'value' ? { kind: 'channel', channel, place, part: 'value' } : undefined;
  const part = partName === 'value' ? 'formatted' : ADDRESS_PARTS.find((known) => known === partName);
  return part === undefined ? undefined : { kind: 'channel', channel, place, part };
}

function knownTargets(entity: Entity): string[] {
  const common = [...FIELDS[entity], 'tags', 'tags+', 'attributes.', ...Object.keys(WAITING_TARGETS)];
  if (entity === 'company') return common;
  const lists = Object.keys(LISTS).flatMap((list) => [`${list}[1].value`, `${list}[1].label`]);
  return [...common, 'company.name', 'company.domain', ...CHANNEL_KINDS, ...lists];
}

function unknownName(what: string, name: string, known: readonly string[]): UnknownName {
  const suggestion = nearestName(name, known);
  const detail = `${JSON.stringify(name.slice(0, 80))} is no known ${what}`;
  return suggestion === undefined ? { ok: false, detail } : { ok: false, detail, suggestion };
}

/** The name by which a target is shown in a diagnostic or a proposed mapping; {@link parseTarget} reads it back. */
export function targetName(target: Target): string {
  switch (target.kind) {
    case 'field':
    case 'waiting':
      return target.name;
    case 'tags':
      return 'tags';
    case 'attribute':
      return `attributes.${target.name}`;
    case 'company':
      return `company.${target.part}`;
    case 'channel': {
      const list = target.channel === 'address' ? 'addresses' : `${target.channel}s`;
      return `${list}[${target.place}].${target.part}`;
    }
  }
}
