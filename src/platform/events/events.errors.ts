import { Problem } from '../errors/problem.js';

/** The event that a reader stands at has been removed by retention. */
export class PositionGone extends Problem {
  constructor(oldest_id: string) {
    super(410, 'position-gone', 'This position is gone', 'The log no longer reaches back to this event.', {
      suggestion: 'Read the present state first, then go on from oldest_id.',
      extensions: { oldest_id },
    });
  }
}

/** One caller holds as many streams as one caller may. */
export class TooManyStreams extends Problem {
  constructor(limit: number) {
    super(429, 'too-many-streams', 'Too many streams', `A caller may hold ${limit} streams at a time.`, {
      suggestion: 'Close a stream, or watch several types with one: types=contact.*,company.*',
      headers: { 'retry-after': '5' },
    });
  }
}
