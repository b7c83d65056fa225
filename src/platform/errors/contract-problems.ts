import { Problem, type FieldMistake, type ProblemMembers } from './problem.js';

/** The body could not be read at all: 400. */
export class UnreadableRequest extends Problem {
  constructor(detail: string, members?: ProblemMembers) {
    super(400, 'unreadable-request', 'The request cannot be read', detail, members);
  }
}

/** Nobody known is calling: 401, the same body whatever was wrong with the credential. */
export class Unauthenticated extends Problem {
  constructor(headers: Readonly<Record<string, string>> = { 'www-authenticate': 'Bearer' }) {
    super(401, 'unauthenticated', 'Authentication is required', 'Send a valid `Authorization: Bearer` credential.', {
      headers,
    });
  }
}

/** The caller is known but may not: 403. */
export class Forbidden extends Problem {
  constructor(detail: string, members?: ProblemMembers) {
    super(403, 'forbidden', 'Not allowed', detail, members);
  }
}

/** Missing and foreign are the same 404. */
export class NotFound extends Problem {
  constructor(noun: string, members?: ProblemMembers) {
    const name = noun.replaceAll('_', ' ');
    super(
      404,
      `${noun.replaceAll('_', '-')}-not-found`,
      `No such ${name}`,
      `There is no ${name} with this id.`,
      members,
    );
  }
}

/** The request contradicts the present state: 409. */
export class Conflict extends Problem {
  constructor(slug: string, title: string, detail: string, members?: ProblemMembers) {
    super(409, slug, title, detail, members);
  }
}

/** `If-Match` names another version: 412. */
export class PreconditionFailed extends Problem {
  constructor() {
    super(
      412,
      'precondition-failed',
      'The resource has changed',
      'If-Match does not name the present version; read it again.',
    );
  }
}

/** More bytes than the route takes: 413. */
export class TooLarge extends Problem {
  constructor(maxBytes: number) {
    super(413, 'too-large', 'The request is too large', `This route takes at most ${maxBytes} bytes.`);
  }
}

/** A media type the route does not read: 415. */
export class UnsupportedMediaType extends Problem {
  constructor(accepted: string) {
    super(415, 'unsupported-media-type', 'This content type is not read here', `Send ${accepted}.`);
  }
}

/** Readable, but wrong: 422, with a pointer for each mistake. */
export class Invalid extends Problem {
  constructor(errors: readonly FieldMistake[], members: ProblemMembers = {}) {
    super(
      422,
      'invalid',
      'The request is not valid',
      errors
        .map((error) => error.detail)
        .slice(0, 3)
        .join(' '),
      {
        ...members,
        errors,
      },
    );
  }
}

/** Not now: 503 with Retry-After. */
export class Unavailable extends Problem {
  constructor(slug: string, detail: string, retryAfterSeconds = 1) {
    super(503, slug, 'Temporarily unavailable', detail, { headers: { 'retry-after': String(retryAfterSeconds) } });
  }
}
