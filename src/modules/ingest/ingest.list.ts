import type { ListSpec } from '../../platform/http/listing.js';

/** Runs, newest first. */
export const RUN_LIST: ListSpec = {
  filters: {
    status: {
      kind: 'choice',
      choices: ['pending', 'running', 'completed', 'failed', 'cancelled'],
      description: 'Where the run stands.',
    },
    source: { kind: 'text', description: 'Where the data came from.' },
    created_at: { kind: 'timestamp', description: 'When the run was asked for.' },
  },
  sorts: { created_at: { column: 'created_at', type: 'timestamptz' } },
  default_sort: '-created_at',
};

/** Rows of a run, in their order; paged by row number. */
export const ROW_LIST: ListSpec = {
  filters: {
    outcome: {
      kind: 'choice',
      choices: ['created', 'updated', 'unchanged', 'skipped', 'failed'],
      description: 'What became of the row.',
    },
  },
  sorts: {},
  default_sort: '',
};
