import { isDeepStrictEqual } from 'node:util';
import type { Changes } from '../../contracts/events.js';

/** The fields that differ, each with its value before and after; times of bookkeeping are no change. */
export function changesOf<T extends object>(before: T, after: T, without: readonly string[] = []): Changes {
  const changed = Object.entries(after)
    .filter(([name]) => name !== 'updated_at' && !without.includes(name))
    .map(([name, to]) => [name, { from: before[name as keyof T] as unknown, to: to as unknown }] as const)
    .filter(([, { from, to }]) => !isDeepStrictEqual(from, to));
  return Object.fromEntries(changed);
}

/** What a PATCH makes of a record: fields that it names replace, fields that it leaves out stay. */
export function merged<T extends object>(before: T, patch: { readonly [Field in keyof T]?: T[Field] | undefined }): T {
  const named = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(named) };
}
