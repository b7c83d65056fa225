import { Conflict, NotFound } from '../errors/contract-problems.js';

/** Another worker holds this job now: what this one wrote is rolled back, and what it still does is in vain. */
export class LeaseLost extends Error {
  constructor(id: string) {
    super(`the lease of job ${id} was lost: another worker has it, or it was deleted`);
  }
}

/** Somebody deleted the job while it ran: it is removed when its handler ends, however it ends. */
export class JobCancelled extends Error {}

/** The process stops: what is unfinished goes back to the queue and is not counted. */
export class WorkerStops extends Error {}

/** A finished job has no row. */
export class JobNotFound extends NotFound {
  constructor() {
    super('job', {
      suggestion:
        'A finished job is removed. Its result lives with what asked for it: the ingest run, the attempts of a webhook, the run of a workflow.',
    });
  }
}

export class JobIsRunning extends Conflict {
  constructor() {
    super('job-is-running', 'The job is running', 'A job under way cannot be retried. Wait for its end, or delete it.');
  }
}
