import 'reflect-metadata';
import type { ContentBlock, PromptMessage } from '@modelcontextprotocol/server';
import type { Permission } from '../../contracts/permissions.js';
import type { JsonSchema } from '../../platform/http/json-schema.js';

/**
 * How a room offers its use cases to agents.
 *
 * Write a provider `<room>.tools.ts` beside the service, list it in the room's module, and decorate its methods; they are
 * found at start by themselves (the room does not import McpModule). The start fails, naming the method, when an offer has no
 * permission, description or schema, or when two have one name.
 *
 * ```ts
 * @Injectable()
 * export class ContactsTools {
 *   constructor(private readonly contacts: ContactsService) {}
 *
 *   @Tool({
 *     name: 'create_contact', title: 'Create a contact', description: 'What it does, when not to use it, what comes next.',
 *     input: CreateContact, output: ContactDto, permissions: ['contacts:write'], hints: { is_destructive: false },
 *   })
 *   create(input: CreateContact): Promise<ContactDto> {
 *     return this.contacts.create(input);
 *   }
 * }
 * ```
 *
 * - `input` and `output` are classes with the field decorators of platform/http; the input arrives checked, as an instance of
 *   its class. Every field needs a description.
 * - A list says `is_list: true`, names the class of one row as `output`, extends its input from {@link ListArguments} and
 *   returns `{ items, next_cursor }`. An answer above 256 KiB is cut at a row.
 * - The caller holds all `permissions` when the method runs. A tool with any permission that is not `:read` writes, and takes
 *   an `idempotency_key` that the method never sees.
 * - A method runs in the request context of its caller (`via` is `mcp`), so transactions, events and limits are those of REST.
 *   It throws Problems like any service. Long work takes the {@link ToolCall} as its second argument, reports
 *   `call.progress(done, total, 'what')` and stops when `call.signal` fires; work of minutes is a job (see run-kinds.ts).
 * - Images, links and other content beside the structured answer are returned as a {@link ToolAnswer}.
 */
export function Tool(spec: ToolSpec): MethodDecorator {
  return offer({ kind: 'tool', spec });
}

/** Offers a document under a URI, or under a template such as `crm://contact/{id}` whose variables the method gets. */
export function Resource(spec: ResourceSpec): MethodDecorator {
  return offer({ kind: 'resource', spec });
}

/** Offers a prompt: the method returns its text or its messages. */
export function Prompt(spec: PromptSpec): MethodDecorator {
  return offer({ kind: 'prompt', spec });
}

export type Dto = abstract new (...args: never[]) => object;

export interface ToolSpec {
  /** snake_case, verb first, `^[a-z][a-z0-9_]{1,47}$`, without `__`. Never renamed once published. */
  readonly name: string;
  readonly title: string;
  /** What it does, when not to use it, what to call next; at most 600 characters. */
  readonly description: string;
  /** A class of fields, or raw JSON Schema 2020-12 where the schema is not ours. */
  readonly input: Dto | JsonSchema;
  /** The class of the answer; of one row when `is_list`. None for tools that answer with other content. */
  readonly output?: Dto | JsonSchema;
  readonly is_list?: boolean;
  readonly permissions: readonly Permission[];
  readonly hints?: ToolHints;
  /** The work outlives one transaction: the method gets `call.idempotency_key` and keeps the promise of "once" itself. */
  readonly has_own_idempotency?: boolean;
}

/** What clients may tell their users before a call. Whether a tool only reads follows from its permissions. */
export interface ToolHints {
  /** It may overwrite or remove what exists. Default: true for tools that write, as the specification has it. */
  readonly is_destructive?: boolean;
  /** A second identical call changes nothing more. */
  readonly is_idempotent?: boolean;
  /** It reaches beyond this installation. */
  readonly is_open_world?: boolean;
}

export interface ResourceSpec {
  /** `engawa://guide`, or an RFC 6570 template of level 1. */
  readonly uri: string;
  /** Unique; snake_case. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Of a method that returns a text; objects are `application/json`. */
  readonly mime_type?: string;
  /** Empty: any caller. */
  readonly permissions: readonly Permission[];
}

export interface PromptSpec {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Text fields only: prompts know no other arguments. */
  readonly input: Dto;
  readonly permissions: readonly Permission[];
}

/** What a tool method gets beside its input. */
export interface ToolCall {
  /** Fired when the caller cancelled or the time is up. */
  readonly signal: AbortSignal;
  /** Only for tools that say `has_own_idempotency`. */
  readonly idempotency_key?: string;
  /** Tells the caller how far the work is. Never backwards, at most ten times a second; the last report always arrives. */
  progress(done: number, total?: number, message?: string): void;
}

/** An answer with more content than its structured part. */
export class ToolAnswer {
  constructor(
    readonly structured: object | null,
    readonly content: readonly ContentBlock[] = [],
  ) {}
}

export type ToolMethod = (input: object, call: ToolCall) => unknown;
export type ResourceMethod = (variables: Readonly<Record<string, string>>) => unknown;
export type PromptMethod = (
  input: object,
) => string | readonly PromptMessage[] | Promise<string | readonly PromptMessage[]>;

/** What a decorator left on a method. */
export type Offer =
  | { readonly kind: 'tool'; readonly spec: ToolSpec }
  | { readonly kind: 'resource'; readonly spec: ResourceSpec }
  | { readonly kind: 'prompt'; readonly spec: PromptSpec };

const offerKey = Symbol('mcp offer');

function offer(made: Offer): MethodDecorator {
  return (_target, _property, descriptor) => {
    Reflect.defineMetadata(offerKey, made, descriptor.value as object);
  };
}

export function offerOf(method: object): Offer | undefined {
  return Reflect.getMetadata(offerKey, method) as Offer | undefined;
}
