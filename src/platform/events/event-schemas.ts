import { Injectable } from '@nestjs/common';
import { definitionOf, EVENT_TYPES, type EventType } from '../../contracts/events.js';
import { exampleOf, type JsonSchema, responseSchema } from '../http/json-schema.js';

type ResourceClass = abstract new (...args: never[]) => object;

/** One entry of the catalogue of event types. */
export interface EventTypeEntry {
  readonly type: EventType;
  readonly meaning: string;
  /** What `subject` begins with. */
  readonly noun: string;
  /** What a reader needs beside `events:read`. */
  readonly permission: string;
  /** Selected by its exact name only, not by `*`. */
  readonly is_quiet: boolean;
  readonly schema: JsonSchema;
  readonly example: JsonSchema;
}

const EXAMPLE_ID = '019a5c1e-7d3b-7f52-8a41-3c9d2e6b7f10';
const FREE: JsonSchema = { type: 'object' };

/** What `data` of an event looks like: each room registers the response class of its nouns. */
@Injectable()
export class EventSchemas {
  private readonly byNoun = new Map<string, ResourceClass>();
  private readonly byType = new Map<EventType, ResourceClass>();

  /** @param noun as contracts/events.ts names it, for example `contact`. */
  register(noun: string, resource: ResourceClass): void {
    this.byNoun.set(noun, resource);
  }

  /** For a type whose `data` shows something else than its noun. */
  registerType(type: EventType, resource: ResourceClass): void {
    this.byType.set(type, resource);
  }

  /** Every event type with its JSON Schema and an example. */
  catalogue(): EventTypeEntry[] {
    return EVENT_TYPES.map((type) => {
      const { noun, meaning, permission, is_quiet = false } = definitionOf(type);
      return { type, meaning, noun, permission, is_quiet, schema: this.schemaOf(type), example: this.exampleOf(type) };
    });
  }

  /** The JSON Schema (draft 2020-12) of a whole event of this type. */
  schemaOf(type: EventType): JsonSchema {
    const { noun, meaning } = definitionOf(type);
    const resource = this.resourceOf(type);
    // An event that is too large for the log holds its changed fields only, hence nothing of `data` is required there.
    const data = resource ? { ...responseSchema(resource), required: [] } : FREE;
    return {
      type: 'object',
      description: meaning,
      properties: {
        id: { type: 'string', format: 'uuid' },
        type: { const: type },
        time: { type: 'string', format: 'date-time' },
        workspace_id: { type: 'string', format: 'uuid' },
        subject: { type: 'string', pattern: `^${noun}/[0-9a-f-]{36}$` },
        actor: {
          type: 'object',
          properties: {
            type: { enum: ['user', 'api_key', 'system'] },
            id: { type: ['string', 'null'] },
            name: { type: 'string' },
          },
          required: ['type', 'id', 'name'],
        },
        via: { type: 'string' },
        request_id: { type: ['string', 'null'] },
        data,
        changes: {
          type: 'object',
          additionalProperties: { type: 'object', properties: { from: {}, to: {} } },
        },
        is_truncated: { type: 'boolean' },
      },
      required: ['id', 'type', 'time', 'workspace_id', 'subject', 'actor', 'via', 'request_id', 'data', 'changes'],
    };
  }

  private resourceOf(type: EventType): ResourceClass | undefined {
    return this.byType.get(type) ?? this.byNoun.get(definitionOf(type).noun);
  }

  private exampleOf(type: EventType): JsonSchema {
    const { noun } = definitionOf(type);
    const resource = this.resourceOf(type);
    return {
      id: EXAMPLE_ID,
      type,
      time: '2026-01-31T09:30:00.000Z',
      workspace_id: '0198c1f0-0000-7000-8000-000000000001',
      subject: `${noun}/0198c1f0-7a54-7cc3-9d3e-2f6a1b4c5d6e`,
      actor: { type: 'api_key', id: '0198c1f0-1111-7000-8000-000000000002', name: 'Sales agent' },
      via: 'rest',
      request_id: '5f0c6a1e-8c39-4f7e-9a51-0d6a3b5f2c77',
      data: resource ? exampleOf(resource) : {},
      changes: {},
    };
  }
}
