import { type FieldSpec, fieldsOf } from './fields.js';

/** A JSON Schema (draft 2020-12) document or part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

type AnyDto = abstract new (...args: never[]) => object;

/** The schema of a request class: unknown members are refused. Nested classes are written out, without references. */
export function requestSchema(dto: AnyDto): JsonSchema {
  return objectSchema(dto, 'request');
}

/** The schema of a response class: optional fields are present and may be null. */
export function responseSchema(dto: AnyDto): JsonSchema {
  return objectSchema(dto, 'response');
}

type Direction = 'request' | 'response';

function objectSchema(dto: AnyDto, direction: Direction): JsonSchema {
  const fields = [...fieldsOf(dto)];
  const required = fields
    .filter(([, spec]) =>
      direction === 'response'
        ? !spec.is_patch && !spec.may_be_absent
        : !spec.is_optional && !spec.is_patch && spec.default === undefined,
    )
    .map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(([name, spec]) => [name, fieldSchema(spec, direction)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

function fieldSchema(spec: FieldSpec, direction: Direction): JsonSchema {
  const base = bare(spec, direction);
  const described: Record<string, unknown> = {
    ...base,
    ...(spec.description !== '' && { description: spec.description }),
    ...(spec.example !== undefined && { examples: [spec.example] }),
    ...(spec.default !== undefined && { default: spec.default }),
    ...(spec.is_secret && direction === 'request' && { writeOnly: true }),
  };
  if (!spec.is_optional) return described;
  if (typeof described['type'] === 'string')
    return { ...described, type: [described['type'], 'null'], ...withNull(described['enum']) };
  return described;
}

function withNull(choices: unknown): JsonSchema {
  return Array.isArray(choices) ? { enum: [...(choices as unknown[]), null] } : {};
}

function bare(spec: FieldSpec, direction: Direction): Record<string, unknown> {
  switch (spec.kind) {
    case 'text':
      return {
        type: 'string',
        ...(spec.min_length && { minLength: spec.min_length }),
        ...(spec.max_length && { maxLength: spec.max_length }),
        ...(spec.pattern && direction === 'request' && { pattern: spec.pattern.expression.source }),
        ...(spec.format && { format: spec.format }),
      };
    case 'uuid':
      return { type: 'string', format: 'uuid' };
    case 'integer':
    case 'number':
      return {
        type: spec.kind,
        ...(spec.min !== undefined && { minimum: spec.min }),
        ...(spec.max !== undefined && { maximum: spec.max }),
      };
    case 'decimal':
      return { type: 'string', pattern: '^-?\\d{1,15}(\\.\\d{1,4})?$' };
    case 'boolean':
      return { type: 'boolean' };
    case 'timestamp':
      return { type: 'string', format: 'date-time' };
    case 'date':
      return { type: 'string', format: 'date' };
    case 'choice':
      return { type: 'string', enum: spec.choices };
    case 'json':
      return spec.shape === 'object' ? { type: 'object', additionalProperties: true } : {};
    case 'list':
      return {
        type: 'array',
        items: spec.item ? fieldSchema(spec.item, direction) : {},
        ...(spec.max_items && { maxItems: spec.max_items }),
      };
    case 'object':
      return { ...(spec.dto ? objectSchema(spec.dto(), direction) : { type: 'object' }) };
  }
}

/** An example value made from the fields' own examples. */
export function exampleOf(dto: AnyDto): Record<string, unknown> {
  return Object.fromEntries([...fieldsOf(dto)].map(([name, spec]) => [name, exampleValue(spec)]));
}

function exampleValue(spec: FieldSpec): unknown {
  if (spec.example !== undefined) return spec.example;
  if (spec.default !== undefined) return spec.default;
  switch (spec.kind) {
    case 'uuid':
      return '0198c1f0-7a54-7cc3-9d3e-2f6a1b4c5d6e';
    case 'integer':
    case 'number':
      return spec.min ?? 1;
    case 'decimal':
      return '12.50';
    case 'boolean':
      return true;
    case 'timestamp':
      return '2026-01-31T09:30:00.000Z';
    case 'date':
      return '2026-01-31';
    case 'choice':
      return spec.choices?.[0];
    case 'json':
      return {};
    case 'list':
      return spec.item ? [exampleValue(spec.item)] : [];
    case 'object':
      return spec.dto ? exampleOf(spec.dto()) : {};
    case 'text':
      return spec.is_optional ? null : 'text';
  }
}
