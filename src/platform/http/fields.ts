import 'reflect-metadata';

/**
 * One decorator per field of a request or response: from it come the check of what arrives (read-dto.ts), the JSON Schema of
 * OpenAPI and of MCP tools (json-schema.ts), and the list of fields that a PATCH may name. A body holds these fields and
 * no others, so nothing else can reach the database.
 */
export type FieldKind =
  | 'text'
  | 'uuid'
  | 'integer'
  | 'number'
  | 'decimal'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'choice'
  | 'json'
  | 'list'
  | 'object';

export interface FieldOptions {
  /** One sentence for people and models. */
  readonly description: string;
  readonly example?: unknown;
  /** May be left out or null. In a response: may be null. */
  readonly is_optional?: boolean;
  /** In a response: left out where it has no value, instead of null. */
  readonly may_be_absent?: boolean;
  /** Replaced in logs and events. */
  readonly is_secret?: boolean;
  readonly default?: unknown;
}

export interface TextOptions extends FieldOptions {
  readonly min_length?: number;
  readonly max_length?: number;
  readonly pattern?: { readonly expression: RegExp; readonly sentence: string };
  /** Kept as given; texts are trimmed otherwise. */
  readonly is_verbatim?: boolean;
  /** JSON Schema format, for documentation: email, uri ... */
  readonly format?: string;
}

export interface NumberOptions extends FieldOptions {
  readonly min?: number;
  readonly max?: number;
}

export interface ListOptions extends FieldOptions {
  readonly max_items?: number;
  readonly min_items?: number;
}

export interface JsonOptions extends FieldOptions {
  /** `object` refuses scalars and lists at the top. */
  readonly shape?: 'object' | 'any';
  readonly max_bytes?: number;
}

type Dto = abstract new (...args: never[]) => object;

/** A field as the checks and generators see it. */
export interface FieldSpec extends TextOptions, NumberOptions, ListOptions, JsonOptions {
  readonly kind: FieldKind;
  readonly choices?: readonly string[];
  readonly item?: FieldSpec;
  readonly dto?: () => Dto;
  /** In a PATCH every field may be left out, and `is_optional` says whether null clears it. */
  readonly is_patch?: boolean;
}

const fieldsKey = Symbol('fields');

/** The fields of a request or response class, inherited ones included. */
export function fieldsOf(dto: object): ReadonlyMap<string, FieldSpec> {
  return (Reflect.getMetadata(fieldsKey, dto) as Map<string, FieldSpec> | undefined) ?? new Map();
}

function field(spec: FieldSpec): PropertyDecorator {
  return (target, property) =>
    setFields(target.constructor, new Map([...fieldsOf(target.constructor), [String(property), spec]]));
}

function setFields(dto: object, fields: ReadonlyMap<string, FieldSpec>): void {
  Reflect.defineMetadata(fieldsKey, fields, dto);
}

export const TextField = (options: TextOptions) => field({ kind: 'text', ...options });
export const UuidField = (options: FieldOptions) => field({ kind: 'uuid', ...options });
export const IntegerField = (options: NumberOptions) => field({ kind: 'integer', ...options });
export const NumberField = (options: NumberOptions) => field({ kind: 'number', ...options });
/** An exact decimal as a string; a JSON number is read as its shortest decimal. */
export const DecimalField = (options: FieldOptions) => field({ kind: 'decimal', ...options });
export const BooleanField = (options: FieldOptions) => field({ kind: 'boolean', ...options });
export const TimestampField = (options: FieldOptions) => field({ kind: 'timestamp', ...options });
export const DateField = (options: FieldOptions) => field({ kind: 'date', ...options });
export const ChoiceField = (choices: readonly string[], options: FieldOptions) =>
  field({ kind: 'choice', choices, ...options });
/** Free JSON, without keys that could reach a prototype. */
export const JsonField = (options: JsonOptions) => field({ kind: 'json', ...options });
export const ObjectField = (dto: () => Dto, options: FieldOptions) => field({ kind: 'object', dto, ...options });
export const ListField = (item: FieldSpec, options: ListOptions) => field({ kind: 'list', item, ...options });

/** Items of lists. */
export const items = {
  text: (options: Omit<TextOptions, 'description'> = {}): FieldSpec => ({ kind: 'text', description: '', ...options }),
  uuid: (): FieldSpec => ({ kind: 'uuid', description: '' }),
  choice: (choices: readonly string[]): FieldSpec => ({ kind: 'choice', choices, description: '' }),
  object: (dto: () => Dto): FieldSpec => ({ kind: 'object', dto, description: '' }),
  json: (options: Omit<JsonOptions, 'description'> = {}): FieldSpec => ({ kind: 'json', description: '', ...options }),
};

type Constructor<T> = abstract new (...args: never[]) => T;

/** The class of a PATCH body (RFC 7396): every field may be left out; null clears those that a create may leave out. */
export function patchOf<T extends object, K extends keyof T & string = never>(
  dto: Constructor<T>,
  omitted: readonly K[] = [],
): new () => Partial<Omit<T, K>> {
  class Patch {}
  const fields = [...fieldsOf(dto)].filter(([name]) => !(omitted as readonly string[]).includes(name));
  setFields(Patch, new Map(fields.map(([name, spec]) => [name, { ...spec, default: undefined, is_patch: true }])));
  return Patch as new () => Partial<Omit<T, K>>;
}
