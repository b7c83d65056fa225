import { createHash } from 'node:crypto';

/** SQL text with its parameters. Values never stand in the text. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

const names = new Map<string, string>();
const MAX_NAMES = 5_000;

/**
 * The name under which a text is prepared on each connection, derived from the text, so that equal texts share one plan
 * and different texts never collide. Beyond 5,000 texts (a sign of texts made from values) statements go unprepared.
 */
export function statementName(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= MAX_NAMES) return known;
  const name = `e_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
  names.set(text, name);
  return name;
}
