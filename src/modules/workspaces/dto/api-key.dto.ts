import { type Permission, PERMISSIONS, ROLES, type Role } from '../../../contracts/permissions.js';
import {
  ChoiceField,
  IntegerField,
  items,
  ListField,
  ObjectField,
  patchOf,
  TextField,
  TimestampField,
  UuidField,
} from '../../../platform/http/fields.js';
import { BurstDto } from '../../../platform/limits/limits.dto.js';

export class CreateApiKey {
  @TextField({ description: 'What the key is for.', min_length: 1, max_length: 255, example: 'Nightly import' })
  name!: string;

  @ChoiceField(ROLES, { description: 'Role; at most your own.', example: 'member' })
  role!: Role;

  @ListField(items.choice(PERMISSIONS), {
    description: 'Permissions that narrow the role; null: all of the role. `noun:write` implies `noun:read`.',
    is_optional: true,
    max_items: 200,
    example: ['contacts:read', 'ingest:write'],
  })
  scopes?: Permission[] | null;

  @UuidField({
    description:
      'Member for whom the key acts; it ends with the membership. Default: you. Owners may name others, or null.',
    is_optional: true,
  })
  user_id?: string | null;

  @IntegerField({
    description: "Requests a minute; null: the workspace's limit.",
    is_optional: true,
    min: 1,
    max: 1_000_000,
    example: 600,
  })
  rate_limit_per_minute?: number | null;

  @ObjectField(() => BurstDto, { description: 'A short window beside the minute.', is_optional: true })
  burst?: BurstDto | null;

  @ListField(items.text({ max_length: 50 }), {
    description: 'Networks (CIDR) from which the key may be used; null: everywhere.',
    is_optional: true,
    max_items: 100,
    example: ['203.0.113.0/24'],
  })
  allowed_networks?: string[] | null;

  @TimestampField({ description: 'When the key ends by itself; null: never.', is_optional: true })
  expires_at?: string | null;
}

/** Changes what it names (RFC 7396). */
export class UpdateApiKey extends patchOf(CreateApiKey) {}

/** How a key gives way to its successor. */
export class RotateApiKey {
  @IntegerField({
    description: 'Seconds for which the old key goes on working.',
    min: 0,
    max: 604_800,
    default: 86_400,
    example: 3_600,
  })
  grace_seconds!: number;
}

/** A key as it is answered: never its secret. */
export class ApiKeyDto extends CreateApiKey {
  @UuidField({ description: 'Id.' })
  id!: string;

  @TextField({ description: 'The public part of the key, behind egw_.', example: 'k3v9x0ab' })
  prefix!: string;

  @TimestampField({ description: 'When it was revoked.', is_optional: true })
  revoked_at!: string | null;

  @TimestampField({ description: 'Last use, to the minute.', is_optional: true })
  last_used_at!: string | null;

  @TimestampField({ description: 'When it was created.' })
  created_at!: string;

  @TimestampField({ description: 'When it was last changed.' })
  updated_at!: string;
}

/** What `api_key.rotated` tells. */
export class RotatedApiKey extends ApiKeyDto {
  @UuidField({ description: 'The key that takes its place.' })
  successor_id!: string;
}

/** A key that was just issued. */
export class IssuedApiKey extends ApiKeyDto {
  @TextField({ description: 'The key itself. Shown this once.', is_secret: true })
  key!: string;
}
