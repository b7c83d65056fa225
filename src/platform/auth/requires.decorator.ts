import 'reflect-metadata';
import type { Permission } from '../../contracts/permissions.js';

/** What a route demands: nothing, or every one of these permissions. */
export interface AccessRule {
  readonly is_public: boolean;
  readonly permissions: readonly Permission[];
}

const ruleKey = Symbol('access rule');

/** The caller needs all of these permissions. Without arguments: any authenticated caller. */
export function Requires(...permissions: Permission[]): MethodDecorator {
  return access({ is_public: false, permissions });
}

/** Anybody may call, without a credential. */
export function Public(): MethodDecorator {
  return access({ is_public: true, permissions: [] });
}

function access(rule: AccessRule): MethodDecorator {
  return (_target, _property, descriptor) => {
    Reflect.defineMetadata(ruleKey, rule, descriptor.value as object);
  };
}

/** The rule of a handler; undefined when it has none, which the guard refuses. */
export function accessRuleOf(handler: object): AccessRule | undefined {
  return Reflect.getMetadata(ruleKey, handler) as AccessRule | undefined;
}
