import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/server';
import type { Problem } from '../../platform/errors/problem.js';

/** Members that our results carry in `_meta`. */
export const META_PROBLEM = 'engawa/problem';
export const META_REPLAYED = 'engawa/replayed';

/** Longest text of a list, in bytes. */
const MAX_TEXT_BYTES = 262_144;

/** What a tool answered, before it takes the shape of the protocol. */
export interface Answered {
  readonly structured: object | null;
  readonly content: readonly ContentBlock[];
}

/** The structured answer, and the same as compact JSON for clients that read only text. */
export function resultOf({ structured, content }: Answered, isReplay: boolean): CallToolResult {
  return {
    content: [
      ...(structured === null ? [] : [{ type: 'text' as const, text: JSON.stringify(structured) }]),
      ...content,
    ],
    ...(structured !== null && { structuredContent: { ...structured } }),
    ...(isReplay && { _meta: { [META_REPLAYED]: true } }),
  };
}

/** A refusal that a model can read and correct. */
export function refusalOf(problem: Problem, requestId: string): CallToolResult {
  const body = problem.toBody(requestId);
  const errors = body.errors?.map((error) => ({ ...error, pointer: error.pointer.replace(/^\?/, '/') }));
  const retry = problem.members.headers?.['retry-after'];
  return {
    isError: true,
    content: [{ type: 'text', text: sentencesOf(problem, requestId) }],
    _meta: {
      [META_PROBLEM]: {
        ...body,
        ...(errors && { errors }),
        ...(retry !== undefined && { retry_after_s: Number(retry) }),
      },
    },
  };
}

/** `title. detail. Try: suggestion` */
export function sentencesOf(problem: Problem, requestId: string): string {
  const { suggestion } = problem.members;
  return [
    sentence(problem.title),
    problem.detail && sentence(problem.detail),
    problem.status >= 500 && `Request id: ${requestId}.`,
    suggestion && `Try: ${suggestion}`,
  ]
    .filter(Boolean)
    .join(' ');
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** How many rows of a list fit into one answer; at least one. */
export function rowsThatFit(rows: readonly unknown[]): number {
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    if (bytes > MAX_TEXT_BYTES) return Math.max(1, index);
  }
  return rows.length;
}
