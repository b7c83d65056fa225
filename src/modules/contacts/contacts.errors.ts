import { Conflict, Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { type FieldMistake, Problem } from '../../platform/errors/problem.js';

export type RecordNoun = 'contact' | 'company';

export const notFound = (noun: RecordNoun) => new NotFound(noun);

/** Another record holds the external_id; `id` names it unless the holder came in this very moment. */
export function externalIdTaken(noun: RecordNoun, external_id: string | null, id: string | null): Problem {
  return new Conflict(
    'external-id-taken',
    'This external_id is taken',
    `Another ${noun} has the external_id ${JSON.stringify((external_id ?? '').slice(0, 255))}.`,
    {
      suggestion: id === null ? `Read it with ?external_id=` : `Change that ${noun}, or give another external_id.`,
      extensions: id === null ? {} : { holder_id: id },
    },
  );
}

/** A reference to a record that is not there, or is another workspace's. */
export function missingReference(pointer: string, noun: string): Invalid {
  return new Invalid([{ pointer, detail: `There is no ${noun} with this id in the workspace.` }]);
}

/** A natural key hits more than one record. */
export function ambiguousMatch(noun: RecordNoun, ids: readonly string[]): Problem {
  return new Conflict('ambiguous-match', 'More than one record matches', `The row matches ${ids.length} records.`, {
    suggestion: `Give the external_id of the ${noun} that is meant, or merge them.`,
    extensions: { ids },
  });
}

/** The external_id belongs to a record in the bin. */
export function recordIsDeleted(noun: RecordNoun, id: string): Problem {
  return new Conflict('record-is-deleted', 'The record is deleted', `The ${noun} with this external_id is deleted.`, {
    suggestion: '?restore_deleted=true',
    extensions: { id },
  });
}

/** A loser of a merge lives on in its winner. */
export function recordIsMerged(noun: RecordNoun, merged_into: string): Problem {
  return new Conflict('record-is-merged', 'The record was merged', `The ${noun} was merged into another.`, {
    extensions: { merged_into },
  });
}

/** One row of an atomic batch failed, so none was written. */
export function batchFailed(errors: readonly FieldMistake[]): Problem {
  return new Problem(422, 'batch-failed', 'The batch was not written', `${errors.length} row(s) failed.`, {
    errors,
    suggestion: 'Correct these rows, or leave ?atomic=true out to write the others.',
  });
}
