import { Invalid } from '../errors/contract-problems.js';
import { didYouMean } from '../errors/nearest-name.js';
import type { FieldMistake } from '../errors/problem.js';

/** The query of a request as it is parsed: a text, or several when a name is repeated. */
export type Query = Readonly<Record<string, unknown>>;

/**
 * Reads the switches of an operation that is no list, such as `?hard=true`.
 * @throws {Invalid} for another parameter or a value that is neither true nor false.
 */
export function readFlags<Name extends string>(query: Query, names: readonly Name[]): Record<Name, boolean> {
  const mistakes: FieldMistake[] = [];
  for (const [name, value] of Object.entries(query)) {
    const pointer = `?${name.slice(0, 100)}`;
    if (!(names as readonly string[]).includes(name)) {
      const hint = didYouMean(name, names);
      mistakes.push({ pointer, detail: `${name.slice(0, 64)} is no parameter here. ${hint}`.trim() });
    } else if (value !== 'true' && value !== 'false') {
      mistakes.push({ pointer, detail: `${name} must be true or false.` });
    }
  }
  if (mistakes.length > 0) throw new Invalid(mistakes);
  return Object.fromEntries(names.map((name) => [name, query[name] === 'true'])) as Record<Name, boolean>;
}
