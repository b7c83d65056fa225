import type { Tool as ToolListing } from '@modelcontextprotocol/server';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Permission } from '../../contracts/permissions.js';
import { Invalid } from '../../platform/errors/contract-problems.js';
import { fieldsOf } from '../../platform/http/fields.js';
import { type JsonSchema, requestSchema, responseSchema } from '../../platform/http/json-schema.js';
import { readDto } from '../../platform/http/read-dto.js';
import { NoArguments } from './list-arguments.js';
import type { Dto, ToolCall, ToolMethod, ToolSpec } from './tools.decorator.js';

/** A tool as it runs: what clients see of it, and the two steps of a call that are its own. */
export interface ToolOffer {
  readonly listing: ToolListing;
  readonly permissions: readonly Permission[];
  /** Takes an `idempotency_key`. */
  readonly writes: boolean;
  readonly has_own_idempotency: boolean;
  readonly is_list: boolean;
  /** @throws {Invalid} with a pointer for each wrong argument. */
  read(given: Readonly<Record<string, unknown>>): object;
  invoke(input: object, call: ToolCall): unknown;
}

const NAME = /^(?!.*__)[a-z][a-z0-9_]{1,47}$/;
const MAX_DESCRIPTION_LENGTH = 600;

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });

/** Makes the offer of a decorated method, or lists what is wrong with it. */
export function toolOffer(spec: ToolSpec, method: ToolMethod): ToolOffer | string[] {
  const faults = faultsOf(spec);
  if (faults.length > 0) return faults;
  const writes = spec.permissions.some((permission) => !permission.endsWith(':read'));
  const input = isDto(spec.input) ? requestSchema(spec.input) : spec.input;
  const faultyInput = isDto(spec.input) ? undescribed(input, '') : [];
  if (faultyInput.length > 0) return faultyInput.map((path) => `input ${path} has no description`);
  return {
    listing: {
      name: spec.name,
      title: spec.title,
      description: spec.description,
      inputSchema: (writes ? withIdempotencyKey(input) : input) as ToolListing['inputSchema'],
      ...(spec.output && { outputSchema: outputSchema(spec) as ToolListing['outputSchema'] }),
      annotations: {
        readOnlyHint: !writes,
        destructiveHint: writes && (spec.hints?.is_destructive ?? true),
        idempotentHint: spec.hints?.is_idempotent ?? !writes,
        openWorldHint: spec.hints?.is_open_world ?? false,
      },
    },
    permissions: spec.permissions,
    writes,
    has_own_idempotency: spec.has_own_idempotency ?? false,
    is_list: spec.is_list ?? false,
    read: isDto(spec.input) ? readerOf(spec.input) : schemaReader(spec.input),
    invoke: method,
  };
}

function faultsOf(spec: ToolSpec): string[] {
  const faults: string[] = [];
  if (!NAME.test(spec.name)) faults.push('its name must be snake_case, 2 to 48 characters, without "__"');
  if (!spec.title || !spec.description) faults.push('it has no title or description');
  if (spec.description.length > MAX_DESCRIPTION_LENGTH) faults.push('its description is longer than 600 characters');
  if (!spec.permissions?.length) faults.push('it has no permission');
  if (!spec.input || (isDto(spec.input) && spec.input !== NoArguments && fieldsOf(spec.input).size === 0))
    faults.push('its input has no schema');
  if (!isDto(spec.input) && spec.input?.['type'] !== 'object') faults.push('the root of its input must be an object');
  if (isDto(spec.output) && fieldsOf(spec.output).size === 0) faults.push('its output has no schema');
  if (spec.is_list) {
    const names = isDto(spec.input) ? [...fieldsOf(spec.input).keys()] : [];
    if (!names.includes('limit') || !names.includes('cursor'))
      faults.push('the input of a list must extend ListArguments');
    if (!spec.output) faults.push('a list must name the class of its rows');
  }
  return faults;
}

function isDto(schema: Dto | JsonSchema | undefined): schema is Dto {
  return typeof schema === 'function';
}

/** Paths of properties without a description, at any depth. */
function undescribed(schema: JsonSchema, path: string): string[] {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const own = Object.entries(properties).flatMap(([name, property]) => [
    ...(property['description'] ? [] : [`${path}/${name}`]),
    ...undescribed(property, `${path}/${name}`),
  ]);
  const { items } = schema as { items?: JsonSchema };
  return items ? [...own, ...undescribed(items, `${path}/items`)] : own;
}

function withIdempotencyKey(schema: JsonSchema): JsonSchema {
  const properties = { ...(schema['properties'] as object), idempotency_key: IDEMPOTENCY_KEY };
  return { ...schema, properties };
}

const IDEMPOTENCY_KEY: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  description:
    'A key of your choice for this one change. Asking again with the same key and arguments returns the first answer and changes nothing.',
};

function outputSchema(spec: ToolSpec): JsonSchema | undefined {
  if (!spec.output) return undefined;
  const own = isDto(spec.output) ? responseSchema(spec.output) : spec.output;
  if (!spec.is_list) return own;
  return {
    type: 'object',
    properties: {
      items: { type: 'array', items: own, description: 'The rows of this page.' },
      next_cursor: { type: ['string', 'null'], description: 'Give it as cursor to read on; null on the last page.' },
    },
    required: ['items', 'next_cursor'],
    additionalProperties: false,
  };
}

function readerOf(dto: Dto): ToolOffer['read'] {
  return (given) => readDto(dto as new () => object, given);
}

/** Checks arguments against a schema that is not ours. */
function schemaReader(schema: JsonSchema): ToolOffer['read'] {
  const isValid = ajv.compile(schema);
  return (given) => {
    if (isValid(given)) return given;
    throw new Invalid(
      (isValid.errors ?? []).map((error) => ({
        pointer: error.instancePath,
        detail: `${error.instancePath.slice(1).replaceAll('/', '.') || 'The arguments'} ${error.message ?? 'are wrong'}.`,
      })),
    );
  };
}
