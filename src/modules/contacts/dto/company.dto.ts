import {
  DecimalField,
  IntegerField,
  items,
  JsonField,
  ListField,
  patchOf,
  TextField,
  TimestampField,
  UuidField,
} from '../../../platform/http/fields.js';
import { RecordFields } from './record-fields.dto.js';

/** At most so many domains on one company. */
export const MOST_DOMAINS = 50;

/** A new company. */
export class CreateCompany extends RecordFields {
  @TextField({ description: 'Its name.', min_length: 1, max_length: 255, example: 'Analytical Engines' })
  name!: string;

  @TextField({
    description: 'The primary domain. Null takes it away; the next one moves up.',
    max_length: 1_000,
    is_optional: true,
    example: 'example.com',
  })
  domain?: string | null;

  @ListField(items.text({ min_length: 1 }), {
    description: `Every domain, at most ${MOST_DOMAINS}; the first is the primary one.`,
    is_optional: true,
    max_items: MOST_DOMAINS,
    example: ['example.com'],
  })
  domains?: string[] | null;

  @TextField({
    description: 'Its web site.',
    max_length: 2_048,
    is_optional: true,
    format: 'uri',
    example: 'https://example.com',
  })
  website?: string | null;

  @TextField({ description: 'What it does.', max_length: 255, is_optional: true, example: 'Machinery' })
  industry?: string | null;

  @IntegerField({
    description: 'How many people work there.',
    min: 0,
    max: 2_147_483_647,
    is_optional: true,
    example: 12,
  })
  employee_count?: number | null;

  @DecimalField({ description: 'Revenue of a year.', is_optional: true, example: '1250000.5' })
  annual_revenue?: string | null;

  @TextField({ description: 'ISO 4217 code of annual_revenue.', max_length: 16, is_optional: true, example: 'EUR' })
  currency?: string | null;

  @TextField({ description: 'Free text.', max_length: 20_000, is_optional: true, example: 'Makes engines.' })
  description?: string | null;

  @UuidField({ description: 'The company that it belongs to.', is_optional: true })
  parent_company_id?: string | null;
}

/** Changes what it names (RFC 7396); a list given replaces the list. */
export class UpdateCompany extends patchOf(CreateCompany) {}

/** A row of a bulk upsert: the name may be left out for a company that exists. */
export class UpsertCompany extends patchOf(CreateCompany) {}

/** A company as it is answered. */
export class CompanyDto {
  @UuidField({ description: 'The id.' })
  id!: string;

  @TextField({ description: 'The id in another system.', is_optional: true, example: 'crm-815' })
  external_id!: string | null;

  @TextField({ description: 'Its name.', example: 'Analytical Engines' })
  name!: string;

  @TextField({ description: 'The primary domain.', is_optional: true, example: 'example.com' })
  domain!: string | null;

  @ListField(items.text(), { description: 'Every domain.', example: ['example.com'] })
  domains!: string[];

  @TextField({ description: 'Its web site.', is_optional: true, example: 'https://example.com' })
  website!: string | null;

  @TextField({ description: 'What it does.', is_optional: true, example: 'Machinery' })
  industry!: string | null;

  @IntegerField({ description: 'How many people work there.', is_optional: true, example: 12 })
  employee_count!: number | null;

  @DecimalField({ description: 'Revenue of a year.', is_optional: true, example: '1250000.5' })
  annual_revenue!: string | null;

  @TextField({ description: 'ISO 4217 code of annual_revenue.', is_optional: true, example: 'EUR' })
  currency!: string | null;

  @TextField({ description: 'Free text.', is_optional: true, example: 'Makes engines.' })
  description!: string | null;

  @UuidField({ description: 'The company that it belongs to.', is_optional: true })
  parent_company_id!: string | null;

  @UuidField({ description: 'The member who looks after the company.', is_optional: true })
  owner_user_id!: string | null;

  @ListField(items.text(), { description: 'Tags.', example: ['customer'] })
  tags!: string[];

  @JsonField({ description: 'Custom fields.', shape: 'object', example: {} })
  attributes!: Record<string, unknown>;

  @TimestampField({ description: 'When the company was created.', example: '2026-01-31T09:30:00.000Z' })
  created_at!: string;

  @TimestampField({ description: 'When the company last changed.', example: '2026-01-31T09:30:00.000Z' })
  updated_at!: string;

  @TimestampField({ description: 'When the company was deleted.', is_optional: true, example: null })
  deleted_at!: string | null;
}
