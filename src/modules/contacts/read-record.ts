import type { FieldMistake } from '../../platform/errors/problem.js';
import type { Parsed } from '../../platform/formats/parsed.js';
import { parseTags } from '../../platform/formats/tags.js';

/** Custom fields of a record: free JSON by name. */
export type Attributes = Record<string, unknown>;

/** Levels of nesting that custom fields may have. */
const MAX_DEPTH = 5;

/** Collects what is wrong with one row of input; pointers begin with the row's own. */
export class Reading {
  readonly mistakes: FieldMistake[] = [];

  constructor(private readonly pointer: string) {}

  refuse(field: string, detail: string): void {
    this.mistakes.push({ pointer: `${this.pointer}/${field}`, detail });
  }

  /** An empty text counts as null. */
  text(value: string | null | undefined): string | null | undefined {
    return value === '' ? null : value;
  }

  /** The normal form of a text, null for null and for an empty one; undefined when it is left out or refused. */
  parsed(
    field: string,
    text: string | null | undefined,
    parse: (text: string) => Parsed<{ value: string }>,
  ): string | null | undefined {
    if (text === undefined) return undefined;
    if (text === null || text === '') return null;
    const read = parse(text);
    if (read.ok) return read.value;
    this.refuse(field, read.detail);
    return undefined;
  }

  tags(list: readonly string[] | null | undefined): string[] | undefined {
    if (list === undefined) return undefined;
    const read = parseTags(list ?? []);
    if (read.ok) return read.value;
    const at = 'index' in read && read.index !== null ? `tags/${read.index}` : 'tags';
    this.refuse(at, read.detail);
    return undefined;
  }

  attributes(value: Attributes | null | undefined): Attributes | null | undefined {
    if (value && depthOf(value) > MAX_DEPTH) {
      this.refuse('attributes', `Custom fields are nested at most ${MAX_DEPTH} levels deep.`);
      return undefined;
    }
    return value;
  }
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** RFC 7396: null removes a member, an object is merged, anything else replaces. */
export function mergeAttributes(before: Attributes, patch: Attributes): Attributes {
  const merged = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(patch)) {
    const present = merged.get(name);
    if (value === null) merged.delete(name);
    else if (isObject(value)) merged.set(name, mergeAttributes(isObject(present) ? present : {}, value));
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

/** Both as one, one level deep: what is there stays where both have it. */
export function addAttributes(present: Attributes, added: Attributes): Attributes {
  return { ...withoutNulls(added), ...present };
}

/** One level deep: what is new wins; a null changes nothing. */
export function overwriteAttributes(present: Attributes, added: Attributes): Attributes {
  return { ...present, ...withoutNulls(added) };
}

function withoutNulls(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
}

function isObject(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Only the members that are not undefined. */
export function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
