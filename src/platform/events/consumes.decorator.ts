import 'reflect-metadata';
import type { DomainEvent, EventType } from '../../contracts/events.js';

/** What a consumer wants to hear of. */
export interface ConsumerOptions {
  /** Names the consumer's cursor: never changed, unique in the product. */
  readonly name: string;
  /** `*` is every type that is not quiet. */
  readonly types: readonly (EventType | '*')[];
  /** Where a consumer that is new to the installation begins. */
  readonly from?: 'now' | 'start';
}

/** A method that gets events of one workspace, in log order, inside a transaction of that workspace. */
export type Consume = (events: readonly DomainEvent[]) => Promise<void>;

const consumesKey = Symbol('consumes');

/**
 * Marks a method of a provider as a consumer of the log. Its database effects and its progress commit together, so they
 * happen once per event; effects outside the database are jobs that it enqueues. It must be idempotent by event id all the
 * same, for an operator may set its cursor back. No network inside.
 */
export function Consumes(
  options: ConsumerOptions,
): (target: object, name: string, method: TypedPropertyDescriptor<Consume>) => void {
  return (_target, _name, method) => {
    if (method.value) Reflect.defineMetadata(consumesKey, options, method.value);
  };
}

/** The options of a consuming method. */
export function consumerOptions(method: unknown): ConsumerOptions | undefined {
  return typeof method === 'function'
    ? (Reflect.getMetadata(consumesKey, method) as ConsumerOptions | undefined)
    : undefined;
}
