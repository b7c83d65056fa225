import { Invalid } from '../../platform/errors/contract-problems.js';
import { didYouMean } from '../../platform/errors/nearest-name.js';
import { type Query, readFlags } from '../../platform/http/query-flags.js';
import type { UpsertOutcome } from './bulk-upsert.js';
import { type BatchDto, type BatchRowDto, MOST_ROWS } from './dto/batch.dto.js';
import type { BatchChoices } from './records.service.js';
import { REPLACED_FIELDS, type ReplacedField } from './upsert-options.js';

/** The parameters of a batch, for OpenAPI. */
export const BATCH_PARAMETERS = {
  atomic: 'true writes all rows or none: one failed row answers 422 batch-failed.',
  restore_deleted: 'true revives the deleted record that a row names by its external_id.',
  replace: `Comma-separated lists that rows replace (${REPLACED_FIELDS.join(', ')}); otherwise lists are united and attributes merged.`,
} as const;

/** @throws {Invalid} for an unknown parameter or value. */
export function readBatchChoices({ replace, ...flags }: Query): BatchChoices {
  const { atomic, restore_deleted } = readFlags(flags, ['atomic', 'restore_deleted']);
  const fields = typeof replace === 'string' ? replace.split(',').map((field) => field.trim()) : [];
  const unknown = fields.find((field) => !(REPLACED_FIELDS as readonly string[]).includes(field));
  if (unknown !== undefined || Array.isArray(replace)) {
    const hint = didYouMean(unknown ?? '', REPLACED_FIELDS);
    throw new Invalid([{ pointer: '?replace', detail: `replace takes ${REPLACED_FIELDS.join(', ')}. ${hint}`.trim() }]);
  }
  return { is_atomic: atomic, is_restoring: restore_deleted, replace: fields as ReplacedField[] };
}

/** @throws {Invalid} when the body is no list of 1 to 1,000 rows. */
export function readRows(body: unknown): readonly unknown[] {
  if (Array.isArray(body) && body.length > 0 && body.length <= MOST_ROWS) return body;
  throw new Invalid([{ pointer: '', detail: `The body must be a list of 1 to ${MOST_ROWS} rows.` }]);
}

/** The answer to a batch. `instance` is the request id. */
export function batchAnswer(outcomes: readonly UpsertOutcome[], instance: string): BatchDto {
  const counts = { created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 };
  const results = outcomes.map(({ status, id, problem }, index): BatchRowDto => {
    counts[status] += 1;
    return { index, status, id, problem: problem?.toBody(instance) ?? null };
  });
  const { created, updated, unchanged, failed } = counts;
  return { results, created, updated, unchanged, failed };
}
