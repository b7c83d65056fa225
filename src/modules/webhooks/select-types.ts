import { definitionOf, EVENT_TYPES, type EventType } from '../../contracts/events.js';
import { didYouMean } from '../../platform/errors/nearest-name.js';
import type { FieldMistake } from '../../platform/errors/problem.js';

/** Types that only their exact name selects: told of by `*`, a delivery would cause the next one for ever. */
const NAMED_ONLY = /^(webhook|job|access)\./;

/** What `*` and `contact.*` can select. */
const WILD_TYPES = EVENT_TYPES.filter((type) => !NAMED_ONLY.test(type) && !definitionOf(type).is_quiet);

/** True when one of the patterns (`contact.created`, `contact.*`, `*`) selects the type. */
export function selects(patterns: readonly string[], type: EventType): boolean {
  return patterns.some(
    (pattern) =>
      pattern === type || (pattern.endsWith('*') && type.startsWith(pattern.slice(0, -1)) && WILD_TYPES.includes(type)),
  );
}

/** Every type that the patterns select. */
export function selectedTypes(patterns: readonly string[]): EventType[] {
  return EVENT_TYPES.filter((type) => selects(patterns, type));
}

/** What is wrong with a list of patterns. */
export function mistakesOfPatterns(patterns: readonly string[]): FieldMistake[] {
  return patterns.flatMap((pattern, index) => {
    const isForm = pattern === '*' || pattern.endsWith('.*') || !pattern.includes('*');
    if (isForm && EVENT_TYPES.some((type) => selects([pattern], type))) return [];
    const hint = NAMED_ONLY.test(pattern)
      ? 'Types of webhook, job and access are selected by their exact names only.'
      : didYouMean(pattern, EVENT_TYPES);
    const detail = `"${pattern.slice(0, 64)}" is no event type; see GET /api/v1/events/types. ${hint}`.trim();
    return [{ pointer: `/event_types/${index}`, detail }];
  });
}
