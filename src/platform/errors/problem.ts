/** One wrong place in a request: an RFC 6901 pointer into the body (or `?name` for a parameter) and what is wrong there. */
export interface FieldMistake {
  readonly pointer: string;
  readonly detail: string;
}

/** Members of a problem beyond the fixed ones. */
export interface ProblemMembers {
  /** What would work instead. */
  readonly suggestion?: string;
  readonly errors?: readonly FieldMistake[];
  /** Headers that belong to the answer, such as Retry-After. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Extension members of RFC 9457, shown as they are. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/**
 * An expected refusal, answered as `application/problem+json` (RFC 9457). `slug` ends the stable `type` URL, `title` is the
 * same for every occurrence, `detail` belongs to this one and says what would work. What is no Problem is a bug.
 */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly slug: string,
    readonly title: string,
    readonly detail?: string,
    readonly members: ProblemMembers = {},
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }

  /** The JSON body; `instance` is the request id. */
  toBody(instance: string): ProblemBody {
    const { suggestion, errors, extensions } = this.members;
    return {
      type: `${PROBLEM_BASE}${this.slug}`,
      title: this.title,
      status: this.status,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      instance,
      ...(suggestion === undefined ? {} : { suggestion }),
      ...(errors === undefined ? {} : { errors }),
      ...extensions,
    };
  }
}

/** Where problem types are documented. */
export const PROBLEM_BASE = 'https://engawa.dev/problems/';

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly instance: string;
  readonly suggestion?: string;
  readonly errors?: readonly FieldMistake[];
  readonly [extension: string]: unknown;
}
