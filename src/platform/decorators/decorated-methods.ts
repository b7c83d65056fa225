import { type DiscoveryService, MetadataScanner } from '@nestjs/core';

/** A method of a provider of the application, with what its decorator says. */
export interface DecoratedMethod<Said> {
  readonly provider: object;
  /** `Class.method`, for messages. */
  readonly owner: string;
  /** Bound to its provider. */
  readonly method: (...args: never[]) => unknown;
  readonly said: Said;
}

/**
 * Rooms that are asked (jobs, consumers, housekeeping, tools) must not know who answers. So a decorator marks the method, and
 * this finds every marked one on the providers of the application.
 * @param saidOn reads the decorator's metadata from a method.
 */
export function* decoratedMethods<Said>(
  discovery: DiscoveryService,
  saidOn: (method: object) => Said | undefined,
): Generator<DecoratedMethod<Said>> {
  const scanner = new MetadataScanner();
  for (const { instance } of discovery.getProviders() as { instance: unknown }[]) {
    if (typeof instance !== 'object' || instance === null) continue;
    const members = instance as Record<string, unknown>;
    for (const name of scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
      const method = members[name];
      if (typeof method !== 'function') continue;
      const said = saidOn(method);
      if (said === undefined) continue;
      const bound = method.bind(instance) as DecoratedMethod<Said>['method'];
      yield { provider: instance, owner: `${instance.constructor.name}.${name}`, method: bound, said };
    }
  }
}
