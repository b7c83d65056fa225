import 'reflect-metadata';
import type { Via } from '../../contracts/events.js';

/** How jobs of a kind are run. */
export interface HandlesOptions {
  /**
   * `system` (default): the handler acts as the product, for the actor. `caller`: with the permissions that the caller has
   * at the moment of the claim; a caller who is gone parks the job.
   */
  readonly as?: 'caller' | 'system';
  /** Slots of a process that one lane may hold. Default: a quarter of them. */
  readonly per_lane?: number;
  /** Claims after which a job is parked. Default 10. */
  readonly max_attempts?: number;
  /** The way in that events of the handler name. Default: that of whoever enqueued. */
  readonly via?: Via;
  /** Name of a method of the same class that is called with the job, inside the transaction that parks it as `caller-gone`. */
  readonly on_caller_gone?: string;
}

export interface HandlesSpec extends HandlesOptions {
  readonly kind: string;
}

const handlesKey = Symbol('handles');

/** Marks the method `(job: Job<Payload>) => Promise<JobEnd | void>` that does the work of one kind. */
export function Handles(kind: string, options: HandlesOptions = {}): MethodDecorator {
  return (_target, _property, descriptor) => {
    Reflect.defineMetadata(handlesKey, { kind, ...options } satisfies HandlesSpec, descriptor.value as object);
  };
}

export function handlesOf(method: object): HandlesSpec | undefined {
  return Reflect.getMetadata(handlesKey, method) as HandlesSpec | undefined;
}
