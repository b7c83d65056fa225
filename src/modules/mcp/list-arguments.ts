import { IntegerField, TextField } from '../../platform/http/fields.js';

/** How much of a list a tool returns; every list tool's input extends it. */
export class ListArguments {
  @IntegerField({ description: 'Rows per page, at most 100.', min: 1, max: 100, default: 25 })
  limit!: number;

  @TextField({
    description: 'Where to go on: next_cursor of the page before, with the same other arguments.',
    max_length: 4_000,
    is_optional: true,
  })
  cursor?: string | null;
}

/** The input of a tool that takes no arguments. */
export class NoArguments {}

/** The arguments of a list tool as the query parameters of the same list over HTTP; `query` is `q` there. */
export function listQueryOf(given: ListArguments): Record<string, string> {
  const entries = Object.entries(given) as [string, string | number | null | undefined][];
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name === 'query' ? 'q' : name, String(value)]],
    ),
  );
}
