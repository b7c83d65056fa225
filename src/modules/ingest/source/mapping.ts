import { checkDateFormat } from '../../../platform/formats/dates.js';
import { parseEntity, parseTarget, type Entity, type Target, type UnknownName } from './targets.js';
import { nearestName } from '../../../platform/errors/nearest-name.js';

/** What happens to the cells of one column, in this order: ignore, default, split, map, then the target. */
export interface ColumnRule {
  readonly target: Target;
  /** A cell holds several values, separated by this. */
  readonly split?: string;
  /** Replacements of whole values, by their trimmed lower-case text. */
  readonly map?: ReadonlyMap<string, string>;
  /** Date pattern such as `dd.MM.yyyy`. */
  readonly date?: string;
  /** Taken when the cell is empty, ignored, or the column is missing. */
  readonly default?: string;
  /** Values that mean "nothing", by their trimmed lower-case text. */
  readonly ignore_if?: ReadonlySet<string>;
  /** The label of a channel that brings none. */
  readonly label?: string;
}

/** A mapping document that was understood. A column mapped to null is left out on purpose. */
export interface Mapping {
  readonly entity: Entity | undefined;
  /** Only the columns that are named are read. */
  readonly is_strict: boolean;
  readonly columns: ReadonlyMap<string, ColumnRule | null>;
}

/** What is wrong with a mapping document; `pointer` (RFC 6901) is relative to the document. */
export interface MappingError {
  readonly pointer: string;
  readonly detail: string;
  readonly suggestion?: string;
}

export type MappingReading =
  { readonly ok: true; readonly mapping: Mapping } | { readonly ok: false; readonly errors: readonly MappingError[] };

const RULE_KEYS = ['to', 'split', 'map', 'date', 'default', 'ignore_if', 'label'] as const;
const SETTINGS = ['_entity', '_strict'] as const;
const MAX_COLUMNS = 1000;
const MAX_WORDS = 1000;
const MAX_TEXT = 1000;

/**
 * Reads a mapping document: column -> target, or column -> `{to, split, map, date, default, ignore_if, label}`, or
 * column -> null, beside `_entity` and `_strict`. All mistakes are listed, not the first one only.
 * @param given entity as the caller named it beside the document.
 */
export function parseMapping(document: unknown, given?: string): MappingReading {
  const errors: MappingError[] = [];
  const fail = (pointer: string, detail: string, suggestion?: string): undefined => {
    errors.push(suggestion === undefined ? { pointer, detail } : { pointer, detail, suggestion });
    return undefined;
  };
  const failName = (pointer: string, { detail, suggestion }: UnknownName): undefined =>
    fail(pointer, detail, suggestion);

  if (document !== undefined && document !== null && !isObject(document)) {
    return {
      ok: false,
      errors: [{ pointer: '', detail: 'a mapping is an object: {"Source Column": "target_field"}' }],
    };
  }
  const entries = Object.entries(document ?? {});
  if (entries.length > MAX_COLUMNS) fail('', `a mapping names at most ${MAX_COLUMNS} columns`);

  let entity = readEntity(given, '', failName);
  let isStrict = false;
  for (const [key, value] of entries) {
    if (!key.startsWith('_')) continue;
    if (key === '_entity') {
      const named =
        typeof value === 'string' ? readEntity(value, '/_entity', failName) : fail('/_entity', 'a name is expected');
      if (entity !== undefined && named !== undefined && named !== entity) {
        fail('/_entity', `the request says ${entity}, the mapping ${named}; leave one out`);
      }
      entity ??= named;
    } else if (key === '_strict') {
      if (typeof value === 'boolean') isStrict = value;
      else fail('/_strict', 'true or false is expected');
    } else if (nearestName(key, SETTINGS) !== undefined) {
      fail(pointerTo(key), `${JSON.stringify(key.slice(0, 80))} is no known setting`, nearestName(key, SETTINGS));
    }
  }

  const columns = new Map<string, ColumnRule | null>();
  for (const [column, value] of entries.slice(0, MAX_COLUMNS)) {
    if (SETTINGS.some((setting) => setting === column)) continue;
    if (column.startsWith('_') && nearestName(column, SETTINGS) !== undefined) continue;
    const pointer = pointerTo(column);
    if (value === null || value === '') {
      columns.set(column, null);
    } else if (typeof value === 'string') {
      const found = parseTarget(value, entity ?? 'contact');
      if (found.ok) columns.set(column, { target: found.target });
      else failName(pointer, found);
    } else if (isObject(value)) {
      const rule = readRule(value, entity ?? 'contact', (key, detail, suggestion) =>
        fail(pointer + key, detail, suggestion),
      );
      if (rule !== undefined) columns.set(column, rule);
    } else {
      fail(pointer, 'a target such as "first_name", an object with "to", or null is expected');
    }
  }
  if (errors.length > 0) return { ok: false, errors };
  // Targets were read as a contact's when nothing named the entity; then that is what the mapping is for.
  const isBound = [...columns.values()].some((rule) => rule !== null);
  return { ok: true, mapping: { entity: entity ?? (isBound ? 'contact' : undefined), is_strict: isStrict, columns } };
}

type Fail = (pointer: string, detail: string, suggestion?: string) => undefined;

function readEntity(
  name: string | undefined,
  pointer: string,
  failName: (pointer: string, error: UnknownName) => undefined,
): Entity | undefined {
  if (name === undefined) return undefined;
  const found = parseEntity(name);
  return found.ok ? found.entity : failName(pointer, found);
}

function readRule(object: Record<string, unknown>, entity: Entity, fail: Fail): ColumnRule | undefined {
  for (const key of Object.keys(object)) {
    if (RULE_KEYS.some((known) => known === key)) continue;
    fail(
      pointerTo(key),
      `${JSON.stringify(key.slice(0, 80))} is no known key of a column`,
      nearestName(key, RULE_KEYS),
    );
  }
  const { to, split, map, date, default: fallback, ignore_if: ignoreIf, label } = object;
  if (typeof to !== 'string') return fail('/to', 'a target such as "first_name" is expected');
  const found = parseTarget(to, entity);
  if (!found.ok) return fail('/to', found.detail, found.suggestion);
  const rule: { -readonly [Key in keyof ColumnRule]: ColumnRule[Key] } = { target: found.target };
  if (split !== undefined) {
    if (typeof split === 'string' && split.length >= 1 && split.length <= 10) rule.split = split;
    else fail('/split', 'a separator of 1 to 10 characters is expected');
  }
  if (map !== undefined) {
    const words = isObject(map) ? Object.entries(map) : [];
    if (isObject(map) && words.length <= MAX_WORDS && words.every(([, word]) => isShortText(word))) {
      rule.map = new Map(words.map(([from, word]) => [from.trim().toLowerCase(), String(word)]));
    } else {
      fail('/map', `an object of at most ${MAX_WORDS} texts is expected: {"Won": "won"}`);
    }
  }
  if (date !== undefined) {
    const checked = typeof date === 'string' ? checkDateFormat(date) : undefined;
    if (typeof date === 'string' && checked?.ok === true) rule.date = date;
    else fail('/date', checked?.ok === false ? checked.detail : 'a pattern such as "dd.MM.yyyy" is expected');
  }
  if (fallback !== undefined) {
    if (isShortText(fallback) || typeof fallback === 'number' || typeof fallback === 'boolean')
      rule.default = String(fallback);
    else fail('/default', `a text of at most ${MAX_TEXT} characters is expected`);
  }
  if (ignoreIf !== undefined) {
    const words: unknown[] = Array.isArray(ignoreIf) ? ignoreIf : [ignoreIf];
    if (words.length <= MAX_WORDS && words.every(isShortText)) {
      rule.ignore_if = new Set(words.map((word) => word.trim().toLowerCase()));
    } else {
      fail('/ignore_if', 'a list of texts is expected: ["0/0/00", "-"]');
    }
  }
  if (label !== undefined) {
    if (typeof label === 'string' && label.length <= 64) rule.label = label;
    else fail('/label', 'a text of at most 64 characters is expected');
  }
  return rule;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function pointerTo(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
