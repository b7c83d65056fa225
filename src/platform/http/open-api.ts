import { Injectable } from '@nestjs/common';
import { PROBLEM_BASE } from '../errors/problem.js';
import { exampleOf, type JsonSchema, requestSchema, responseSchema } from './json-schema.js';
import { listParameters } from './listing.js';
import { type Route, RouteCatalogue } from './route-catalogue.js';

export const API_VERSION = '1.0.0';

/** The OpenAPI 3.1 document, made from the routes as they run. */
@Injectable()
export class OpenApi {
  private made: JsonSchema | undefined;

  constructor(private readonly routes: RouteCatalogue) {}

  document(): JsonSchema {
    this.made ??= documentOf(this.routes.all().filter((route) => route.operation));
    return this.made;
  }
}

function documentOf(routes: readonly Route[]): JsonSchema {
  const schemas: Record<string, JsonSchema> = { Problem: PROBLEM };
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}').replace(/\*(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Engawa',
      version: API_VERSION,
      description: "One shared context for a company's people and its agents.",
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key (egw_...) or a JWT of ours or of a configured issuer.',
        },
      },
    },
  };
}

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457',
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The request id.' },
    suggestion: { type: 'string', description: 'What would work instead.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
        required: ['pointer', 'detail'],
      },
    },
  },
  required: ['type', 'title', 'status', 'instance'],
};

function operation(route: Route, schemas: Record<string, JsonSchema>): JsonSchema {
  const { operation: spec, access, body } = route;
  if (!spec) return {};
  const status = String(spec.status ?? (route.method === 'POST' ? 201 : 200));
  const parameters = [
    ...[...route.path.matchAll(/[:*](\w+)/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries({ ...(spec.list && listParameters(spec.list)), ...spec.query }).map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'string' },
    })),
    ...(route.method === 'POST' || route.method === 'PATCH' ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId: spec.id,
    summary: spec.summary,
    tags: [spec.id.split('.', 1)[0]],
    ...(access?.is_public && { security: [] }),
    ...(access?.permissions.length && { 'x-required-permissions': access.permissions }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: true,
        content: {
          'application/json': spec.rows
            ? {
                schema: { type: 'array', items: named(spec.rows, 'request', schemas) },
                example: [exampleOf(spec.rows)],
              }
            : { schema: named(body, 'request', schemas), example: exampleOf(body) },
        },
      },
    }),
    ...(spec.consumes && {
      requestBody: { required: true, content: Object.fromEntries(spec.consumes.map((type) => [type, {}])) },
    }),
    responses: {
      [status]: answer(route, schemas),
      ...problemResponses(route),
    },
  };
}

function answer({ operation: spec }: Route, schemas: Record<string, JsonSchema>): JsonSchema {
  if (spec?.produces)
    return { description: spec.summary, content: Object.fromEntries(spec.produces.map((type) => [type, {}])) };
  if (!spec?.answers) return { description: spec?.summary ?? '' };
  const item = named(spec.answers, 'response', schemas);
  const schema = spec.list
    ? {
        type: 'object',
        properties: {
          items: { type: 'array', items: item },
          next_cursor: { type: ['string', 'null'] },
          count: { type: 'integer' },
        },
        required: ['items', 'next_cursor'],
      }
    : item;
  return { description: spec.summary, content: { 'application/json': { schema } } };
}

/** Problems by status: those of every operation, and the operation's own by their slugs. */
function problemResponses({ access, operation: spec, body, path, method }: Route): Record<string, JsonSchema> {
  const slugs: [number, string][] = [[500, 'internal-error']];
  if (!access?.is_public) slugs.push([401, 'unauthenticated'], [403, 'forbidden']);
  slugs.push([429, 'rate-limited']);
  if (body || spec?.list) slugs.push([422, 'invalid']);
  if (body) slugs.push([400, 'unreadable-request'], [413, 'too-large'], [415, 'unsupported-media-type']);
  if (/:id/.test(path) && method !== 'GET') slugs.push([412, 'precondition-failed']);
  for (const problem of spec?.problems ?? []) {
    const [status = '409', slug = ''] = problem.split(' ');
    slugs.push([Number(status), slug]);
  }
  const byStatus = new Map<number, string[]>();
  for (const [status, slug] of slugs) byStatus.set(status, [...(byStatus.get(status) ?? []), slug]);
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      String(status),
      {
        description: names.map((slug) => `\`${PROBLEM_BASE}${slug}\``).join(', '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same key with the same request replays the stored answer for 24 hours.',
  schema: { type: 'string', maxLength: 255 },
};

type Dto = abstract new (...args: never[]) => object;

function named(dto: Dto, direction: 'request' | 'response', schemas: Record<string, JsonSchema>): JsonSchema {
  const schema = direction === 'request' ? requestSchema(dto) : responseSchema(dto);
  if (dto.name === 'Patch' || dto.name === '') return schema;
  schemas[dto.name] = { ...schema, examples: [exampleOf(dto)] };
  return { $ref: `#/components/schemas/${dto.name}` };
}
