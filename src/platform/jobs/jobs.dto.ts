import {
  BooleanField,
  ChoiceField,
  IntegerField,
  items,
  JsonField,
  ListField,
  NumberField,
  TextField,
  TimestampField,
  UuidField,
} from '../http/fields.js';
import type { ListSpec } from '../http/listing.js';
import { JOB_STATES, type JobState } from './job.js';

/** A job that is not finished. */
export class JobDto {
  @UuidField({ description: 'Stable over all attempts.' }) id!: string;
  @TextField({ description: 'Which handler does it.', example: 'ingest.run' }) kind!: string;
  @TextField({ description: 'What fairness counts as one queue.', example: 'ingest.run' }) lane!: string;
  @TextField({ description: 'Jobs of one key never run side by side.', is_optional: true }) key!: string | null;
  @JsonField({ description: 'Its arguments: ids and small values, never a secret.', shape: 'object' }) payload!: object;
  @JsonField({ description: 'Who caused it.', shape: 'object' }) actor!: object;
  @ChoiceField(JOB_STATES, { description: 'Waiting for its time, ready, under way, or set aside.' }) state!: JobState;
  @TimestampField({ description: 'Not before this time.' }) run_at!: string;
  @IntegerField({ description: 'How often it was begun.', min: 0 }) attempt!: number;
  @IntegerField({ description: 'After so many it is parked.', min: 1 }) max_attempts!: number;
  @TextField({ description: 'Why the last attempt failed.', is_optional: true }) last_error!: string | null;
  @TimestampField({ description: 'Until when a worker has it for sure.', is_optional: true }) lease_until!:
    string | null;
  @TimestampField({ description: 'When it was told to stop.', is_optional: true }) cancelled_at!: string | null;
  @TimestampField({ description: 'When it was set aside.', is_optional: true }) parked_at!: string | null;
  @TimestampField({ description: 'When it was asked for.' }) created_at!: string;
}

/** What events tell of a job. */
export class JobReport {
  @UuidField({ description: 'The job.' }) id!: string;
  @TextField({ description: 'Which handler does it.', example: 'ingest.run' }) kind!: string;
  @IntegerField({ description: 'How often it was begun.', min: 0, may_be_absent: true }) attempts?: number;
  @TextField({ description: 'Why the last attempt failed.', is_optional: true, may_be_absent: true }) error?:
    string | null;
}

/** How many jobs of one kind stand where. */
export class JobCountsDto {
  @TextField({ description: 'The kind.', example: 'ingest.run' }) kind!: string;
  @IntegerField({ description: 'Their time has not come.' }) waiting!: number;
  @IntegerField({ description: 'Due, not begun.' }) ready!: number;
  @IntegerField({ description: 'Under way.' }) leased!: number;
  @IntegerField({ description: 'Set aside.' }) parked!: number;
  @NumberField({ description: 'How long the oldest due job has waited.', is_optional: true }) oldest_ready_age_ms!:
    number | null;
}

export class JobSummaryDto {
  @ListField(items.object(() => JobCountsDto), { description: 'Kinds that have jobs, by name.' })
  items!: JobCountsDto[];
}

export class RetryJobsDto {
  @TextField({ description: 'Only jobs of this kind.', is_optional: true, max_length: 100 }) kind?: string | null;
  @TextField({ description: 'Only jobs whose last error holds this text.', is_optional: true, max_length: 500 })
  'last_error.contains'?: string | null;
  @TimestampField({ description: 'Only jobs created at or after this time.', is_optional: true })
  'created_at.gte'?: string | null;
}

export class RetriedJobsDto {
  @IntegerField({ description: 'How many jobs run again.' }) retried!: number;
  @BooleanField({ description: 'There are more: call again.' }) more!: boolean;
}

export const JOB_LIST: ListSpec = {
  filters: {
    kind: { kind: 'text', description: 'Jobs of this kind.' },
    state: { kind: 'choice', choices: JOB_STATES, description: 'Jobs in this state.' },
    lane: { kind: 'text', description: 'Jobs of this lane.' },
    key: { kind: 'text', description: 'Jobs of this key.' },
    created_at: { kind: 'timestamp', description: 'When the job was asked for.' },
    last_error: { kind: 'text', operators: ['contains', 'is_null'], description: 'Why the last attempt failed.' },
  },
  sorts: {
    created_at: { column: 'created_at', type: 'timestamptz' },
    run_at: { column: 'run_at', type: 'timestamptz' },
  },
  default_sort: 'created_at',
};
