import { ChoiceField, IntegerField, items, JsonField, ListField, UuidField } from '../../../platform/http/fields.js';
import type { ProblemBody } from '../../../platform/errors/problem.js';

/** At most so many rows in one request. */
export const MOST_ROWS = 1_000;

/** What became of one row. */
export class BatchRowDto {
  @IntegerField({ description: 'The place of the row in the request, from 0.', example: 0 })
  index!: number;

  @ChoiceField(['created', 'updated', 'unchanged', 'failed'], { description: 'What became of it.', example: 'created' })
  status!: string;

  @UuidField({ description: 'The record that it made or met.', is_optional: true })
  id!: string | null;

  @JsonField({ description: 'Why the row failed (RFC 9457).', shape: 'object', is_optional: true, example: null })
  problem!: ProblemBody | null;
}

/** The answer to a batch: every row, in the order of the request, and how many fared how. */
export class BatchDto {
  @ListField(items.object(() => BatchRowDto), { description: 'One answer for each row.' })
  results!: BatchRowDto[];

  @IntegerField({ description: 'Rows that made a record.', example: 1 })
  created!: number;

  @IntegerField({ description: 'Rows that changed a record.', example: 0 })
  updated!: number;

  @IntegerField({ description: 'Rows that changed nothing.', example: 0 })
  unchanged!: number;

  @IntegerField({ description: 'Rows that were refused.', example: 0 })
  failed!: number;
}
