import { Conflict } from '../../platform/errors/contract-problems.js';
import { Problem } from '../../platform/errors/problem.js';
import type { Diagnostic } from './source/diagnostics.js';

/** The bytes are no such format at all: 422, naming where. */
export class UnreadablePayload extends Problem {
  constructor({ message, line }: Diagnostic) {
    super(422, 'unreadable-payload', 'The data cannot be read', line === null ? message : `Line ${line}: ${message}`, {
      suggestion:
        'POST /api/v1/ingest/preview shows how the data is read. Name the format and the charset if they are guessed wrong.',
    });
  }
}

/** Only a run under way can be cancelled. */
export class RunIsOver extends Conflict {
  constructor(status: string) {
    super('run-is-over', 'The run is over', `The run is ${status}; only a pending or running one can be cancelled.`);
  }
}

/** The source of a run is kept for seven days. */
export class SourceGone extends Problem {
  constructor() {
    super(410, 'source-gone', 'The source is no longer kept', 'The file of a run is kept for 7 days; its rows for 30.');
  }
}
