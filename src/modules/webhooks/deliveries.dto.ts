import {
  BooleanField,
  ChoiceField,
  IntegerField,
  items,
  JsonField,
  ListField,
  TextField,
  TimestampField,
  UuidField,
} from '../../platform/http/fields.js';
import { ATTEMPT_OUTCOMES } from './webhook-attempt.entity.js';
import { DELIVERY_STATUSES, type DeliveryStatus, type Trigger, TRIGGERS } from './webhook-delivery.entity.js';

/** Asks for a test delivery. */
export class TestWebhook {
  @TextField({
    description: 'webhook.ping, or a type of event whose example is sent.',
    max_length: 100,
    default: 'webhook.ping',
  })
  type!: string;
}

/** A delivery as it is listed. */
export class DeliveryDto {
  @UuidField({ description: 'The id.' })
  id!: string;

  @UuidField({ description: 'The webhook.' })
  webhook_id!: string;

  @UuidField({ description: 'The event; also the webhook-id on the wire, the same in every attempt and replay.' })
  event_id!: string;

  @TextField({ description: 'Type of the event.', example: 'contact.created' })
  event_type!: string;

  @ChoiceField(TRIGGERS, { description: 'Why there is a delivery.' })
  trigger!: Trigger;

  @ChoiceField(DELIVERY_STATUSES, { description: 'Where it stands.' })
  status!: DeliveryStatus;

  @TextField({ description: 'Why it is dead or cancelled.', is_optional: true, example: null })
  reason!: string | null;

  @IntegerField({ description: 'Attempts so far.', example: 0 })
  attempts!: number;

  @TimestampField({ description: 'When it is tried next.', is_optional: true })
  next_attempt_at!: string | null;

  @UuidField({ description: 'The delivery that this one repeats.', is_optional: true })
  replay_of!: string | null;

  @TimestampField({ description: 'When it was asked for.' })
  created_at!: string;

  @TimestampField({ description: 'When it ended.', is_optional: true, example: null })
  finished_at!: string | null;
}

/** A delivery with its body. */
export class DeliveryWithBodyDto extends DeliveryDto {
  @TextField({
    description: 'The very text that is posted; null when the event is gone or of a type that the caller may not read.',
    is_optional: true,
    max_length: 262_144,
  })
  body!: string | null;
}

/** One exchange with the receiver. */
export class AttemptDto {
  @IntegerField({ description: '1 is the first.', example: 1 })
  number!: number;

  @TimestampField({ description: 'When it began.' })
  started_at!: string;

  @IntegerField({ description: 'How long it took; null when it was interrupted.', is_optional: true, example: 42 })
  duration_ms!: number | null;

  @IntegerField({ description: 'The status of the answer, if there was one.', is_optional: true, example: 200 })
  status_code!: number | null;

  @ChoiceField(ATTEMPT_OUTCOMES, { description: 'How it ended.' })
  outcome!: string;

  @TextField({
    description: 'Why it failed: status-500, redirect, timeout, dns, connect, tls, reset, address-not-allowed ...',
    is_optional: true,
    example: null,
  })
  error!: string | null;

  @TextField({ description: 'A sentence about the error.', is_optional: true, example: null })
  detail!: string | null;

  @TimestampField({ description: 'When the next attempt was due after this one.', is_optional: true, example: null })
  next_attempt_at!: string | null;

  @JsonField({ description: 'Headers of the answer.', shape: 'object', is_optional: true, example: {} })
  response_headers!: Record<string, string> | null;

  @TextField({ description: 'The first 4 KiB of the answer.', is_optional: true, max_length: 4_096, example: 'ok' })
  response_body!: string | null;

  @BooleanField({ description: 'The answer was longer.' })
  is_truncated!: boolean;

  @TextField({ description: 'The URL at that time.', example: 'https://hooks.example.com/engawa' })
  sent_url!: string;
}

/** The attempts of a delivery, first one first. */
export class AttemptsDto {
  @ListField(items.object(() => AttemptDto), { description: 'Every attempt.' })
  items!: AttemptDto[];
}

/** What is to be recovered from the log. */
export class RecoverEvents {
  @TimestampField({ description: 'Events from this time on, at most 90 days ago.', example: '2026-01-31T09:30:00Z' })
  since!: string;

  @TimestampField({ description: 'Events before this time. Default: now.', is_optional: true })
  until?: string | null;

  @ChoiceField(['failed', 'missing', 'all'], {
    description: 'failed: events whose deliveries all failed; missing: those without any delivery; all: both.',
    default: 'all',
  })
  only!: 'failed' | 'missing' | 'all';
}

/** Which dead letters are to be sent again; all of them when nothing is named. */
export class ReplayDeadLetters {
  @UuidField({ description: 'Only those of this webhook.', is_optional: true })
  webhook_id?: string | null;

  @TextField({ description: 'Only those of this type.', is_optional: true, max_length: 100 })
  event_type?: string | null;
}

/** How many deliveries were made. */
export class RecoveredDto {
  @IntegerField({ description: 'New deliveries.', example: 12 })
  count!: number;

  @BooleanField({ description: 'There is more than one call takes: ask again.', example: false })
  has_more!: boolean;
}

/** One hour of a webhook. */
export class HourDto {
  @TimestampField({ description: 'Begin of the hour.' })
  hour!: string;

  @IntegerField({ description: 'Attempts that succeeded.', example: 120 })
  succeeded!: number;

  @IntegerField({ description: 'Attempts that failed or were interrupted.', example: 3 })
  failed!: number;

  @IntegerField({ description: 'Deliveries given up.', example: 0 })
  dead!: number;

  @IntegerField({ description: 'Median duration of an attempt.', is_optional: true, example: 42 })
  p50_ms!: number | null;

  @IntegerField({ description: '95 of 100 attempts were quicker.', is_optional: true, example: 120 })
  p95_ms!: number | null;
}

/** A webhook by the hour, oldest first; hours without attempts are left out. */
export class StatsDto {
  @ListField(items.object(() => HourDto), { description: 'The hours.' })
  items!: HourDto[];
}
