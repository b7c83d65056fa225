import type { FieldMistake } from '../../platform/errors/problem.js';
import { parseDomain } from '../../platform/formats/domain.js';
import { uniteTags } from '../../platform/formats/tags.js';
import {
  type Channel,
  channelKey,
  MOST_CHANNELS,
  primaryOf,
  readChannelValue,
  uniqueChannels,
  uniteChannels,
  withPrimary,
} from './channels.js';
import type { ChannelDto, CompanyReference, UpdateContact, UpsertContact } from './dto/contact.dto.js';
import {
  addAttributes,
  type Attributes,
  mergeAttributes,
  overwriteAttributes,
  present,
  Reading,
} from './read-record.js';
import { type UpsertOptions, written } from './upsert-options.js';

/** What is written of a contact; everything else is generated. */
export interface ContactValues {
  readonly external_id: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly title: string | null;
  readonly company_id: string | null;
  readonly owner_user_id: string | null;
  readonly channels: readonly Channel[];
  readonly tags: readonly string[];
  readonly attributes: Attributes;
}

/** A request about a contact in normal form: what is left out is undefined. */
export interface ContactInput {
  readonly external_id?: string | null;
  readonly first_name?: string | null;
  readonly last_name?: string | null;
  readonly title?: string | null;
  readonly company_id?: string | null;
  readonly owner_user_id?: string | null;
  readonly email?: string | null;
  readonly phone?: string | null;
  readonly channels?: readonly Channel[];
  readonly tags?: readonly string[];
  readonly attributes?: Attributes | null;
  readonly company?: { readonly name: string | null; readonly domain: string | null };
}

export const EMPTY_CONTACT: ContactValues = {
  external_id: null,
  first_name: null,
  last_name: null,
  title: null,
  company_id: null,
  owner_user_id: null,
  channels: [],
  tags: [],
  attributes: {},
};

/**
 * Brings a request into normal form.
 * @param pointer where the request stands in the body.
 * @param region ISO 3166-1 alpha-2, for phone numbers without country code.
 */
export function readContact(
  dto: UpdateContact & Pick<UpsertContact, 'company'>,
  pointer = '',
  region?: string,
): ContactInput | readonly FieldMistake[] {
  const reading = new Reading(pointer);
  const channels = dto.channels === undefined ? undefined : readChannels(dto.channels ?? [], reading, region);
  const email = reading.parsed('email', dto.email, (text) => readChannelValue('email', text));
  const phone = reading.parsed('phone', dto.phone, (text) => readChannelValue('phone', text, region));
  if (channels) {
    for (const [kind, value] of [
      ['email', email],
      ['phone', phone],
    ] as const) {
      const listed = primaryOf(channels, kind)?.value;
      if (value !== undefined && listed !== undefined && listed !== value) {
        reading.refuse(kind, `${kind} contradicts channels, whose first ${kind} is another: give one of both.`);
      }
    }
  }
  const input: ContactInput = present({
    external_id: reading.text(dto.external_id),
    first_name: reading.text(dto.first_name),
    last_name: reading.text(dto.last_name),
    title: reading.text(dto.title),
    company_id: dto.company_id,
    owner_user_id: dto.owner_user_id,
    email,
    phone,
    channels,
    tags: reading.tags(dto.tags),
    attributes: reading.attributes(dto.attributes),
    company: readCompanyReference(dto.company, reading),
  });
  return reading.mistakes.length > 0 ? reading.mistakes : input;
}

function readChannels(list: readonly ChannelDto[], reading: Reading, region?: string): Channel[] {
  const channels: Channel[] = [];
  for (const [index, { kind, value, label }] of list.entries()) {
    const read = readChannelValue(kind, value, region);
    if (read.ok) channels.push({ kind, value: read.value, ...(label && { label }) });
    else reading.refuse(`channels/${index}/value`, read.detail);
  }
  return uniqueChannels(channels);
}

function readCompanyReference(given: CompanyReference | null | undefined, reading: Reading): ContactInput['company'] {
  if (!given) return undefined;
  const domain = reading.parsed('company/domain', given.domain, parseDomain) ?? null;
  const name = reading.text(given.name) ?? null;
  return name === null && domain === null ? undefined : { name, domain };
}

/** A contact after a request that changes what it names: `email` and `phone` replace the primary of their kind. */
export function applyContactPatch(before: ContactValues, input: ContactInput): ContactValues {
  let channels = input.channels ?? before.channels;
  if (input.email !== undefined) channels = withPrimary(channels, 'email', input.email);
  if (input.phone !== undefined) channels = withPrimary(channels, 'phone', input.phone);
  const { attributes } = input;
  return {
    external_id: named(before.external_id, input.external_id),
    first_name: named(before.first_name, input.first_name),
    last_name: named(before.last_name, input.last_name),
    title: named(before.title, input.title),
    company_id: named(before.company_id, input.company_id),
    owner_user_id: named(before.owner_user_id, input.owner_user_id),
    channels,
    tags: input.tags ?? before.tags,
    attributes:
      attributes === undefined
        ? before.attributes
        : mergeAttributes(attributes ? before.attributes : {}, attributes ?? {}),
  };
}

function named<T>(before: T, given: T | undefined): T {
  return given === undefined ? before : given;
}

/**
 * A contact after a row of a bulk upsert: nulls change nothing, tags and addresses are united, attributes merged. An `email`
 * or `phone` that the contact has already, in whatever place, is no change; a new one becomes the primary in the place of the old.
 */
export function applyContactRow(before: ContactValues, input: ContactInput, options: UpsertOptions): ContactValues {
  const replaces = (field: 'tags' | 'attributes' | 'channels') => options.replace?.includes(field) === true;
  const fills = options.on_match === 'fill_empty';
  let { channels } = before;
  if (input.channels) channels = replaces('channels') ? input.channels : uniteChannels(channels, input.channels);
  for (const kind of ['email', 'phone'] as const) {
    const value = input[kind];
    if (!value || (fills && primaryOf(channels, kind)) || has(channels, kind, value)) continue;
    channels = withPrimary(channels, kind, value);
  }
  const { attributes = null, tags } = input;
  return {
    external_id: written(before.external_id, input.external_id, options),
    first_name: written(before.first_name, input.first_name, options),
    last_name: written(before.last_name, input.last_name, options),
    title: written(before.title, input.title, options),
    company_id: written(before.company_id, input.company_id, options),
    owner_user_id: written(before.owner_user_id, input.owner_user_id, options),
    channels,
    tags: tags === undefined ? before.tags : replaces('tags') ? tags : uniteTags(before.tags, tags),
    attributes: rowAttributes(before.attributes, attributes, replaces('attributes'), fills),
  };
}

/** Custom fields after a row of a bulk upsert. */
export function rowAttributes(
  before: Attributes,
  given: Attributes | null,
  is_replaced: boolean,
  is_filled: boolean,
): Attributes {
  if (given === null) return before;
  if (is_replaced) return overwriteAttributes({}, given);
  return is_filled ? addAttributes(before, given) : overwriteAttributes(before, given);
}

function has(channels: readonly Channel[], kind: 'email' | 'phone', value: string): boolean {
  const key = channelKey(kind, value);
  return channels.some((channel) => channel.kind === kind && channelKey(kind, channel.value) === key);
}

/** What a contact may not be, however it came to be so. */
export function contactFault(values: ContactValues): FieldMistake | undefined {
  if (values.channels.length > MOST_CHANNELS) {
    return { pointer: '/channels', detail: `A contact has at most ${MOST_CHANNELS} channels.` };
  }
  if (values.tags.length > 100) return { pointer: '/tags', detail: 'A record has at most 100 tags.' };
  const hasIdentity = values.first_name ?? values.last_name ?? values.external_id ?? values.channels[0];
  if (hasIdentity) return undefined;
  return { pointer: '', detail: 'A contact needs at least one of first_name, last_name, external_id and an address.' };
}

/** The keys by which a row finds a person: each e-mail address. */
export function contactKeys({ email, channels = [] }: Pick<ContactInput, 'email' | 'channels'>): string[] {
  const listed = channels.filter(({ kind }) => kind === 'email').map(({ value }) => value);
  return [...new Set(email ? [email, ...listed] : listed)];
}
