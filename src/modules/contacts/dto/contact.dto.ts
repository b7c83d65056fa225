import {
  BooleanField,
  ChoiceField,
  items,
  JsonField,
  ListField,
  ObjectField,
  patchOf,
  TextField,
  TimestampField,
  UuidField,
} from '../../../platform/http/fields.js';
import { CHANNEL_KINDS, type Channel, type ChannelKind, MOST_CHANNELS } from '../channels.js';
import { RecordFields } from './record-fields.dto.js';

/** One address in a request or answer. */
export class ChannelDto {
  @ChoiceField(CHANNEL_KINDS, { description: 'What kind of address it is.', example: 'email' })
  kind!: ChannelKind;

  @TextField({
    description: 'The address. E-mail is stored lower-case, phone as E.164 where it is valid, URL with its scheme.',
    min_length: 1,
    max_length: 2_048,
    example: 'ada@example.com',
  })
  value!: string;

  @TextField({
    description: 'What it is for.',
    max_length: 64,
    is_optional: true,
    may_be_absent: true,
    example: 'work',
  })
  label?: string | null;
}

/** Adds one address. */
export class AddChannel extends ChannelDto {
  @BooleanField({ description: 'Puts it before all of its kind.', is_optional: true, example: false })
  is_primary?: boolean | null;
}

/** A new contact. At least one of first_name, last_name, external_id and an address is needed. */
export class CreateContact extends RecordFields {
  @TextField({ description: 'Given name.', max_length: 255, is_optional: true, example: 'Ada' })
  first_name?: string | null;

  @TextField({ description: 'Family name.', max_length: 255, is_optional: true, example: 'Lovelace' })
  last_name?: string | null;

  @TextField({
    description: 'The primary e-mail address. Null takes it away; the next one moves up.',
    max_length: 1_000,
    is_optional: true,
    format: 'email',
    example: 'ada@example.com',
  })
  email?: string | null;

  @TextField({
    description: 'The primary phone number. Null takes it away; the next one moves up.',
    max_length: 1_000,
    is_optional: true,
    example: '+41446681800',
  })
  phone?: string | null;

  @TextField({ description: 'Position in the company.', max_length: 255, is_optional: true, example: 'Analyst' })
  title?: string | null;

  @UuidField({ description: 'The company that the person belongs to.', is_optional: true })
  company_id?: string | null;

  @ListField(items.object(() => ChannelDto), {
    description: `Every address, at most ${MOST_CHANNELS}; the first of a kind is the primary one.`,
    is_optional: true,
    max_items: MOST_CHANNELS,
  })
  channels?: ChannelDto[] | null;
}

/** Changes what it names (RFC 7396); a list given replaces the list. */
export class UpdateContact extends patchOf(CreateContact) {}

/** The company of an imported person: found by its domain, else by its name, else made. */
export class CompanyReference {
  @TextField({ description: 'Its name.', max_length: 255, is_optional: true, example: 'Analytical Engines' })
  name?: string | null;

  @TextField({ description: 'Its domain.', max_length: 1_000, is_optional: true, example: 'example.com' })
  domain?: string | null;
}

/** A row of a bulk upsert by another room. */
export class UpsertContact extends CreateContact {
  @ObjectField(() => CompanyReference, { description: 'The company to find or make, and to link.', is_optional: true })
  company?: CompanyReference | null;
}

/** A contact as it is answered. */
export class ContactDto {
  @UuidField({ description: 'The id.' })
  id!: string;

  @TextField({ description: 'The id in another system.', is_optional: true, example: 'crm-4711' })
  external_id!: string | null;

  @TextField({ description: 'First and last name.', is_optional: true, example: 'Ada Lovelace' })
  name!: string | null;

  @TextField({ description: 'Given name.', is_optional: true, example: 'Ada' })
  first_name!: string | null;

  @TextField({ description: 'Family name.', is_optional: true, example: 'Lovelace' })
  last_name!: string | null;

  @TextField({ description: 'The primary e-mail address.', is_optional: true, example: 'ada@example.com' })
  email!: string | null;

  @TextField({ description: 'The primary phone number.', is_optional: true, example: '+41446681800' })
  phone!: string | null;

  @TextField({ description: 'Position in the company.', is_optional: true, example: 'Analyst' })
  title!: string | null;

  @UuidField({ description: 'The company.', is_optional: true })
  company_id!: string | null;

  @UuidField({ description: 'The member who looks after the contact.', is_optional: true })
  owner_user_id!: string | null;

  @ListField(items.object(() => ChannelDto), { description: 'Every address, primary ones first of their kind.' })
  channels!: Channel[];

  @ListField(items.text(), { description: 'Tags.', example: ['vip'] })
  tags!: string[];

  @JsonField({ description: 'Custom fields.', shape: 'object', example: {} })
  attributes!: Record<string, unknown>;

  @TimestampField({ description: 'When the contact was created.', example: '2026-01-31T09:30:00.000Z' })
  created_at!: string;

  @TimestampField({ description: 'When the contact last changed.', example: '2026-01-31T09:30:00.000Z' })
  updated_at!: string;

  @TimestampField({ description: 'When the contact was deleted.', is_optional: true, example: null })
  deleted_at!: string | null;
}
