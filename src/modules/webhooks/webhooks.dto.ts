import {
  BooleanField,
  ChoiceField,
  IntegerField,
  items,
  JsonField,
  ListField,
  patchOf,
  TextField,
  TimestampField,
  UuidField,
} from '../../platform/http/fields.js';
import { PAYLOAD_FORMS, type PayloadForm } from './render-message.js';
import { RETRIES, type Retry } from './retry-schedule.js';
import { SECRET_KINDS, type SecretKind } from './signing-secret.js';
import type { DisabledReason } from './webhook.entity.js';

const SECRET = {
  description: 'Your own secret: whsec_ and base64 of 24 to 64 bytes, or whsk_ and base64 of 64. Default: a new one.',
  is_optional: true,
  is_secret: true,
  max_length: 200,
} as const;

/** What somebody who registers a webhook may say, now and later. */
class WebhookFields {
  @TextField({ description: 'A name for people.', min_length: 1, max_length: 200, example: 'Order system' })
  name!: string;

  @TextField({
    description: 'Where deliveries are posted to: https, a public address.',
    min_length: 1,
    max_length: 2_048,
    example: 'https://hooks.example.com/engawa',
  })
  url!: string;

  @ListField(items.text({ min_length: 1, max_length: 100 }), {
    description:
      'Types of events: exact names, contact.* or *. The types of webhook, job and access are never covered by *.',
    default: ['*'],
    min_items: 1,
    max_items: 100,
    example: ['contact.*'],
  })
  event_types!: string[];

  @ChoiceField(PAYLOAD_FORMS, {
    description: 'full: the event with its data; thin: only what happened to which resource.',
    default: 'full',
  })
  payload_form!: PayloadForm;

  @ChoiceField(RETRIES, { description: 'short: six attempts in 8 minutes; long: 13 in 3 days.', default: 'short' })
  retry!: Retry;

  @JsonField({
    description: 'Further headers of each delivery. Their values are never shown again; null removes one.',
    shape: 'object',
    is_optional: true,
    max_bytes: 16_384,
    example: { 'x-api-key': 'of-the-receiver' },
  })
  headers?: Record<string, unknown> | null;

  @IntegerField({ description: 'Time for one exchange.', min: 1_000, max: 30_000, default: 15_000 })
  timeout_ms!: number;

  @IntegerField({ description: 'Deliveries under way at a time.', min: 1, max: 32, default: 8 })
  max_in_flight!: number;

  @IntegerField({ description: 'Deliveries a second at most.', min: 1, max: 1_000, is_optional: true, example: null })
  per_second?: number | null;
}

/** Registers a webhook. */
export class CreateWebhook extends WebhookFields {
  @ChoiceField(SECRET_KINDS, {
    description: 'How deliveries are signed. Default: as the secret says, else hmac.',
    is_optional: true,
  })
  signing?: SecretKind | null;

  @TextField(SECRET)
  secret?: string | null;
}

/** Changes a webhook. */
export class UpdateWebhook extends patchOf(WebhookFields) {
  @BooleanField({
    description: 'false switches it off; true switches it on again and clears its health.',
    is_optional: true,
  })
  is_active?: boolean | null;
}

/** Gives a webhook a new secret. */
export class RotateSecret {
  @ChoiceField(SECRET_KINDS, {
    description: 'How it signs. Default: as the secret says, else as the newest one.',
    is_optional: true,
  })
  kind?: SecretKind | null;

  @TextField(SECRET)
  secret?: string | null;

  @IntegerField({ description: 'Seconds for which the old secrets stay valid.', min: 0, max: 604_800, default: 86_400 })
  grace_s!: number;
}

/** A webhook as it is answered. */
export class WebhookDto {
  @UuidField({ description: 'The id.' })
  id!: string;

  @TextField({ description: 'A name for people.', example: 'Order system' })
  name!: string;

  @TextField({ description: 'Where deliveries are posted to.', example: 'https://hooks.example.com/engawa' })
  url!: string;

  @ListField(items.text(), { description: 'The selected types of events.', example: ['contact.*'] })
  event_types!: string[];

  @ChoiceField(PAYLOAD_FORMS, { description: 'What a body holds.' })
  payload_form!: PayloadForm;

  @ChoiceField(RETRIES, { description: 'How long failed deliveries are tried.' })
  retry!: Retry;

  @JsonField({
    description: 'Names of the further headers; the values are not shown.',
    shape: 'object',
    example: { 'x-api-key': '[redacted]' },
  })
  headers!: Record<string, string>;

  @IntegerField({ description: 'Time for one exchange.', example: 15_000 })
  timeout_ms!: number;

  @IntegerField({ description: 'Deliveries under way at a time.', example: 8 })
  max_in_flight!: number;

  @IntegerField({ description: 'Deliveries a second at most.', is_optional: true, example: null })
  per_second!: number | null;

  @BooleanField({ description: 'Whether it gets deliveries.' })
  is_active!: boolean;

  @TextField({ description: 'manual, gone (it answered 410) or failing (for days).', is_optional: true, example: null })
  disabled_reason!: DisabledReason | null;

  @TimestampField({ description: 'The first failed attempt since the last success.', is_optional: true, example: null })
  failing_since!: string | null;

  @IntegerField({ description: 'Failed attempts since the last success.', example: 0 })
  failed_attempts!: number;

  @TimestampField({ description: 'When it was registered.' })
  created_at!: string;

  @TimestampField({ description: 'When its settings last changed.' })
  updated_at!: string;
}

/** A secret as it is listed. */
export class SecretDto {
  @UuidField({ description: 'The id.' })
  id!: string;

  @ChoiceField(SECRET_KINDS, { description: 'How it signs.' })
  kind!: SecretKind;

  @TimestampField({ description: 'When it was made.' })
  created_at!: string;

  @TimestampField({ description: 'When it ends; null: it is the present one.', is_optional: true, example: null })
  expires_at!: string | null;
}

/** A new webhook, with its secret, shown once. */
export class CreatedWebhookDto extends WebhookDto {
  @TextField({
    description: 'Verifies (whsec_) or, of Ed25519, makes (whsk_) signatures. Shown this once.',
    example: 'whsec_...',
  })
  secret!: string;
}

/** A new secret, shown once. */
export class CreatedSecretDto extends SecretDto {
  @TextField({ description: 'The secret. Shown this once.', example: 'whsec_...' })
  secret!: string;
}

/** A public key of a webhook. */
export class PublicKeyDto {
  @UuidField({ description: 'The secret that it belongs to.' })
  secret_id!: string;

  @TextField({ description: 'whpk_ and base64.', example: 'whpk_...' })
  public_key!: string;

  @TimestampField({ description: 'When it ends.', is_optional: true, example: null })
  expires_at!: string | null;
}

/** The public keys of a webhook, newest first. */
export class PublicKeysDto {
  @ListField(items.object(() => PublicKeyDto), { description: 'Keys that sign now.' })
  items!: PublicKeyDto[];
}
