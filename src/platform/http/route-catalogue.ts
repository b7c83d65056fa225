import { Injectable, RequestMethod } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type AccessRule, accessRuleOf } from '../auth/requires.decorator.js';
import { type OperationSpec, operationOf } from './operation.decorator.js';

/** One route as it runs. */
export interface Route {
  readonly method: string;
  /** With Express parameters: /api/v1/contacts/:id. */
  readonly path: string;
  readonly access: AccessRule | undefined;
  readonly operation: OperationSpec | undefined;
  /** The class of the body that the handler names, if any. */
  readonly body: (abstract new (...args: never[]) => object) | undefined;
  /** Class and method, for error messages. */
  readonly handler: string;
}

/** Nest's metadata key for handler arguments, and its number for a body. */
const ROUTE_ARGUMENTS = '__routeArguments__';
const BODY_ARGUMENT = '3';

/** Every route of the running application, read from the controllers: for OpenAPI and for the tests that sweep all routes. */
@Injectable()
export class RouteCatalogue {
  constructor(private readonly discovery: DiscoveryService) {}

  all(): readonly Route[] {
    const scanner = new MetadataScanner();
    const routes: Route[] = [];
    for (const { instance, metatype } of this.discovery.getControllers()) {
      if (!metatype || typeof instance !== 'object' || instance === null) continue;
      const prefixes = [Reflect.getMetadata('path', metatype) as string | string[]].flat();
      for (const name of scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
        const handler = (instance as Record<string, unknown>)[name] as object;
        const method = Reflect.getMetadata('method', handler) as RequestMethod | undefined;
        if (method === undefined) continue;
        for (const path of pathsOf(prefixes, Reflect.getMetadata('path', handler) as string | string[])) {
          routes.push({
            method: RequestMethod[method],
            path,
            access: accessRuleOf(handler),
            operation: operationOf(handler),
            body: bodyOf(metatype, instance, name),
            handler: `${metatype.name}.${name}`,
          });
        }
      }
    }
    return routes.sort((a, b) => (a.path + a.method < b.path + b.method ? -1 : 1));
  }
}

function pathsOf(prefixes: readonly string[], own: string | string[]): string[] {
  return prefixes.flatMap((prefix) =>
    [own].flat().map((path) => `/${prefix}/${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')),
  );
}

function bodyOf(metatype: object, instance: object, name: string): Route['body'] {
  const args = (Reflect.getMetadata(ROUTE_ARGUMENTS, metatype, name) ?? {}) as Record<string, { index: number }>;
  const entry = Object.entries(args).find(([key]) => key.split(':', 1)[0] === BODY_ARGUMENT);
  const types = (Reflect.getMetadata('design:paramtypes', instance, name) ?? []) as Route['body'][];
  return entry && types[entry[1].index];
}
