import { isUUID } from 'class-validator';
import { Invalid } from '../errors/contract-problems.js';
import { didYouMean } from '../errors/nearest-name.js';
import type { FieldMistake } from '../errors/problem.js';
import { isCalendarDay, readTimestamp } from '../formats/timestamps.js';
import { type FieldSpec, fieldsOf } from './fields.js';

type DtoClass<T extends object> = new () => T;

/**
 * Checks a value against the fields of a class and returns an instance that holds these fields and nothing else.
 * @throws {Invalid} with a pointer for each mistake.
 */
export function readDto<T extends object>(dto: DtoClass<T>, value: unknown, pointer = ''): T {
  const mistakes: FieldMistake[] = [];
  const instance = readObject(dto, value, pointer, mistakes);
  if (mistakes.length > 0) throw new Invalid(mistakes);
  return instance as T;
}

/** Like readDto, for callers that collect mistakes of many rows. */
export function tryReadDto<T extends object>(dto: DtoClass<T>, value: unknown, pointer = ''): T | FieldMistake[] {
  const mistakes: FieldMistake[] = [];
  const instance = readObject(dto, value, pointer, mistakes);
  return mistakes.length > 0 ? mistakes : (instance as T);
}

const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const MAX_MISTAKES = 100;

type AnyDto = abstract new (...args: never[]) => object;

function readObject(dto: AnyDto, value: unknown, pointer: string, mistakes: FieldMistake[]): object | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    mistakes.push({ pointer, detail: `${nameOf(pointer)} must be an object.` });
    return undefined;
  }
  const fields = fieldsOf(dto);
  const instance = Object.create(dto.prototype as object) as Record<string, unknown>;
  for (const key of Object.keys(value)) {
    if (!fields.has(key) && mistakes.length < MAX_MISTAKES) {
      const hint = didYouMean(key, [...fields.keys()]);
      mistakes.push({
        pointer: `${pointer}/${escapePointer(key)}`,
        detail: `"${key.slice(0, 64)}" is no field here. ${hint}`.trim(),
      });
    }
  }
  for (const [name, spec] of fields) {
    const given = (value as Record<string, unknown>)[name];
    if (given === undefined) {
      if (spec.is_patch) continue;
      if (spec.default !== undefined) instance[name] = spec.default;
      else if (!spec.is_optional) mistakes.push({ pointer: `${pointer}/${name}`, detail: `${name} is required.` });
      continue;
    }
    const before = mistakes.length;
    const read = readValue(spec, given, `${pointer}/${name}`, mistakes);
    if (mistakes.length === before) instance[name] = read;
  }
  return instance;
}

/** Reads one value; pushes a mistake and returns undefined when it does not fit. */
export function readValue(spec: FieldSpec, value: unknown, pointer: string, mistakes: FieldMistake[]): unknown {
  if (value === null) {
    if (spec.is_optional) return null;
    return refuse('must not be null.');
  }
  switch (spec.kind) {
    case 'text':
      return readText();
    case 'uuid':
      return typeof value === 'string' && isUUID(value) ? value.toLowerCase() : refuse('must be an id (UUID).');
    case 'integer':
      return Number.isSafeInteger(value) ? inRange(value as number) : refuse('must be a whole number.');
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? inRange(value) : refuse('must be a number.');
    case 'decimal':
      return readDecimal();
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse('must be true or false.');
    case 'timestamp':
      return typeof value === 'string' && readTimestamp(value) !== undefined
        ? new Date(value).toISOString()
        : refuse('must be an RFC 3339 time such as 2026-01-31T09:30:00Z.');
    case 'date':
      return typeof value === 'string' && isCalendarDay(value) ? value : refuse('must be a date such as 2026-01-31.');
    case 'choice':
      if (typeof value === 'string' && spec.choices?.includes(value)) return value;
      return refuse(`must be one of ${spec.choices?.join(', ')}.`);
    case 'json':
      return readJson();
    case 'list':
      return readList();
    case 'object':
      return spec.dto && readObject(spec.dto(), value, pointer, mistakes);
  }

  function refuse(detail: string): undefined {
    if (mistakes.length < MAX_MISTAKES) mistakes.push({ pointer, detail: `${nameOf(pointer)} ${detail}` });
    return undefined;
  }

  function readText(): unknown {
    if (typeof value !== 'string') return refuse('must be a text.');
    // Bodies were searched when they were parsed; parameters come here as they are.
    if (value.includes('\0')) return refuse('must not hold NUL.');
    const text = spec.is_verbatim ? value : value.trim();
    const { min_length = 0, max_length = 1_000, pattern } = spec;
    if (text.length > max_length) return refuse(`must have at most ${max_length} characters.`);
    if (text.length < min_length)
      return refuse(min_length === 1 ? 'must not be empty.' : `must have at least ${min_length} characters.`);
    return pattern && !pattern.expression.test(text) ? refuse(pattern.sentence) : text;
  }

  function inRange(number: number): unknown {
    const { min = -Infinity, max = Infinity } = spec;
    if (number >= min && number <= max) return number;
    if (min === -Infinity) return refuse(`must be at most ${max}.`);
    return refuse(max === Infinity ? `must be at least ${min}.` : `must be from ${min} to ${max}.`);
  }

  function readDecimal(): unknown {
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string' || !/^-?\d{1,15}(\.\d{1,4})?$/.test(text)) {
      return refuse('must be a decimal such as "12.50", with at most 15 digits before and 4 after the point.');
    }
    return text;
  }

  function readJson(): unknown {
    if (spec.shape === 'object' && (typeof value !== 'object' || Array.isArray(value)))
      return refuse('must be an object.');
    const forbidden = findForbiddenKey(value, pointer);
    if (forbidden !== undefined) {
      mistakes.push({ pointer: forbidden, detail: 'The keys __proto__, constructor and prototype are not accepted.' });
      return undefined;
    }
    const { max_bytes = 65_536 } = spec;
    const bytes = Buffer.byteLength(JSON.stringify(value));
    return bytes > max_bytes ? refuse(`must have at most ${max_bytes} bytes as JSON.`) : value;
  }

  function readList(): unknown {
    if (!Array.isArray(value)) return refuse('must be a list.');
    const { max_items = 1_000, min_items = 0, item } = spec;
    if (value.length > max_items) return refuse(`must have at most ${max_items} items.`);
    if (value.length < min_items) return refuse(`must have at least ${min_items} item(s).`);
    return item && value.map((entry, index) => readValue(item, entry, `${pointer}/${index}`, mistakes));
  }
}

/** The pointer of the first key that could reach a prototype, at any depth. */
export function findForbiddenKey(value: unknown, pointer: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, entry] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(key)}`;
    if (!Array.isArray(value) && FORBIDDEN_KEYS.has(key)) return at;
    const found = findForbiddenKey(entry, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOf(pointer: string): string {
  return pointer === '' ? 'The body' : pointer.slice(1).replaceAll('/', '.');
}

/** RFC 6901, section 3. */
export function escapePointer(key: string): string {
  return key.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1');
}
