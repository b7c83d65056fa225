/** Never more locks than this in one transaction, so that the lock table of the server cannot overflow. */
export const STRIPES = 64;

/** The first half of an advisory lock: what is locked, in which workspace. */
export function scopeOf(workspace_id: string, what: string): number {
  return hash(`${workspace_id} ${what}`);
}

/** The stripes of some keys, each once and ascending, so that opposite orders in two batches cannot deadlock. */
export function stripesOf(keys: Iterable<string>): number[] {
  const stripes = new Set<number>();
  for (const key of keys) stripes.add(hash(key) & (STRIPES - 1));
  return [...stripes].sort((a, b) => a - b);
}

/** FNV-1a, 32 bits, signed as PostgreSQL's integer. The same in every process. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value | 0;
}
