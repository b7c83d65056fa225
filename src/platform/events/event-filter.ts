import { isUUID } from 'class-validator';
import { definitionOf, EVENT_TYPES, type EventType } from '../../contracts/events.js';
import type { Principal } from '../context/principal.js';
import { Forbidden } from '../errors/contract-problems.js';
import { didYouMean } from '../errors/nearest-name.js';
import type { FieldMistake } from '../errors/problem.js';

const MAX_ITEMS = 50;

/** The event types that somebody may read. */
export function readableTypes({ permissions }: Principal): EventType[] {
  return EVENT_TYPES.filter((type) => permissions.has(definitionOf(type).permission));
}

/**
 * Reads a comma list of types, where `contact.*` is every type of a prefix and `*` every one that is not quiet.
 * Unknown names become mistakes. Without a list: `*`.
 */
export function readTypes(text: string | undefined, pointer: string, mistakes: FieldMistake[]): Set<EventType> {
  const names = (text ?? '*').split(',').map((name) => name.trim());
  if (names.length > MAX_ITEMS) mistakes.push({ pointer, detail: `At most ${MAX_ITEMS} types can be named.` });
  const types = new Set<EventType>();
  for (const name of names.slice(0, MAX_ITEMS)) {
    const found = EVENT_TYPES.filter((type) => selects(name, type));
    for (const type of found) types.add(type);
    if (found.length === 0) {
      const hint = didYouMean(name, EVENT_TYPES);
      mistakes.push({ pointer, detail: `"${name.slice(0, 64)}" is no event type. ${hint}`.trim() });
    }
  }
  return types;
}

function selects(name: string, type: EventType): boolean {
  if (name === type) return true;
  if (definitionOf(type).is_quiet) return false;
  return name === '*' || (name.endsWith('.*') && type.startsWith(name.slice(0, -1)));
}

/** Of these types those that the caller may read. @throws {Forbidden} when all of what was named may not be read. */
export function permitted(types: ReadonlySet<EventType>, principal: Principal): Set<EventType> {
  const readable = new Set(readableTypes(principal));
  const allowed = new Set([...types].filter((type) => readable.has(type)));
  if (types.size > 0 && allowed.size === 0) {
    const missing = [...new Set([...types].map((type) => definitionOf(type).permission))];
    throw new Forbidden(`These events need the permission ${missing.slice(0, 5).join(' or ')}.`);
  }
  return allowed;
}

/** Reads `<noun>/<id>`. */
export function readSubject(
  text: string | undefined,
  pointer: string,
  mistakes: FieldMistake[],
): { type: string; id: string } | undefined {
  if (text === undefined) return undefined;
  const [type = '', id = '', rest] = text.split('/');
  if (/^[a-z][a-z0-9_]{0,63}$/.test(type) && isUUID(id) && rest === undefined) return { type, id: id.toLowerCase() };
  mistakes.push({
    pointer,
    detail: 'subject must be <noun>/<id>, such as contact/0198c1f0-7a54-7cc3-9d3e-2f6a1b4c5d6e.',
  });
  return undefined;
}
