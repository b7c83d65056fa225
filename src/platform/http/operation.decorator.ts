import 'reflect-metadata';
import { applyDecorators, HttpCode, UseInterceptors } from '@nestjs/common';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import type { ListSpec } from './listing.js';

type Dto = abstract new (...args: never[]) => object;

/** What OpenAPI says of one operation, beside what its signature tells. */
export interface OperationSpec {
  /** `noun.verb`, unique: contacts.create. */
  readonly id: string;
  readonly summary: string;
  /** The class of each row of a body that is a list; the handler takes the body as `unknown`. */
  readonly rows?: Dto;
  /** The class of the answer's body; none for 204. */
  readonly answers?: Dto;
  /** The answer is a page of `answers`, read by this list. */
  readonly list?: ListSpec;
  readonly status?: number;
  /** Slugs of problems besides those that every operation can answer. */
  readonly problems?: readonly string[];
  /** Media types other than JSON. */
  readonly consumes?: readonly string[];
  readonly produces?: readonly string[];
  /** Query parameters of an operation that is no list: name -> sentence. */
  readonly query?: Readonly<Record<string, string>>;
  /** POST or PATCH that opens its own transactions or streams, so it keeps its own promise about repeats. */
  readonly is_not_idempotent?: boolean;
}

const operationKey = Symbol('operation');

/** Documents a handler and, on POST and PATCH, gives it the Idempotency-Key behaviour of the contract. */
export function Operation(spec: OperationSpec): MethodDecorator {
  return applyDecorators(
    (_target: object, _property: string | symbol, descriptor: PropertyDescriptor) => {
      Reflect.defineMetadata(operationKey, spec, descriptor.value as object);
    },
    ...(spec.status === undefined ? [] : [HttpCode(spec.status)]),
    ...(spec.is_not_idempotent || !writes(spec.id) ? [] : [UseInterceptors(IdempotencyInterceptor)]),
  );
}

/** Reading operations end in these verbs; every other one writes. */
function writes(id: string): boolean {
  return !/\.(get|list|find|search|show|preview|stream)$/.test(id);
}

export function operationOf(handler: object): OperationSpec | undefined {
  return Reflect.getMetadata(operationKey, handler) as OperationSpec | undefined;
}
