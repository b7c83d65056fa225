import type { ChosenSettings } from '../../../platform/auth/workspace-settings.js';
import {
  BooleanField,
  items,
  ListField,
  ObjectField,
  patchOf,
  TextField,
  TimestampField,
  UuidField,
} from '../../../platform/http/fields.js';
import { WorkspaceLimitsDto } from '../../../platform/limits/limits.dto.js';

const SLUG = {
  expression: /^(?![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$)[a-z0-9][a-z0-9-]{1,62}$/,
  sentence: 'must have 2 to 63 of a-z, 0-9 and "-", must not begin with "-", and must not look like an id.',
};

/** What a workspace chooses; null: the default of the installation. */
export class SettingsDto {
  @TextField({ description: 'IANA time zone.', is_optional: true, max_length: 64, example: 'Europe/Vienna' })
  time_zone?: string | null;

  @TextField({ description: 'ISO 4217 code for new amounts.', is_optional: true, max_length: 3, example: 'EUR' })
  currency?: string | null;

  @TextField({
    description: 'ISO 3166 region of phone numbers without a country code.',
    is_optional: true,
    max_length: 2,
    example: 'AT',
  })
  default_region?: string | null;

  @TextField({
    description: 'Language by whose rules texts are searched; documents written from now on follow it.',
    is_optional: true,
    max_length: 32,
    example: 'german',
  })
  search_language?: string | null;

  @BooleanField({ description: 'Refuse attributes for which no custom field is defined.', is_optional: true })
  strict_attributes?: boolean | null;

  @ListField(items.text({ max_length: 50 }), {
    description: 'Networks (CIDR) from which callers may come.',
    is_optional: true,
    max_items: 100,
    example: ['203.0.113.0/24'],
  })
  allowed_networks?: string[] | null;
}

/** A new workspace. */
export class CreateWorkspace {
  @TextField({ description: 'Name of the workspace.', min_length: 1, max_length: 255, example: 'Analytical Engines' })
  name!: string;

  @TextField({
    description: 'Short name for headers and addresses.',
    pattern: SLUG,
    max_length: 63,
    example: 'engines',
  })
  slug!: string;
}

/** Changes the settings that it names. */
export class SettingsPatch extends patchOf(SettingsDto) {}

/** Changes what it names (RFC 7396). */
export class UpdateWorkspace extends patchOf(CreateWorkspace) {
  @ObjectField(() => SettingsPatch, {
    description: 'Settings to change; null brings back the default.',
    is_optional: true,
  })
  settings?: SettingsPatch | null;
}

/** A workspace as it is answered. */
export class WorkspaceDto extends CreateWorkspace {
  @UuidField({ description: 'Id.' })
  id!: string;

  @ObjectField(() => SettingsDto, { description: 'What the workspace chose.' })
  settings!: SettingsDto;

  @TimestampField({ description: 'When it was created.' })
  created_at!: string;

  @TimestampField({ description: 'When it was last changed.' })
  updated_at!: string;
}

/** What events tell of a workspace. */
export class WorkspaceReport extends WorkspaceDto {
  @ObjectField(() => WorkspaceLimitsDto, { description: 'Limits, where they changed.', may_be_absent: true })
  limits?: WorkspaceLimitsDto;
}

/** A workspace that was just made. */
export class CreatedWorkspace extends WorkspaceDto {
  @TextField({ description: 'An owner key of the new workspace. Shown this once.', is_secret: true })
  owner_key!: string;
}

/** Names of the settings that {@link SettingsDto} shows, in its order. */
export const SETTING_NAMES = [
  'time_zone',
  'currency',
  'default_region',
  'search_language',
  'strict_attributes',
  'allowed_networks',
] as const satisfies readonly (keyof ChosenSettings)[];
