import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { decoratedMethods } from '../decorators/decorated-methods.js';
import { handlesOf, type HandlesSpec } from './handles.decorator.js';
import type { Job, JobEnd } from './job.js';

/** Claims after which a job is parked, where its kind says nothing else. */
export const DEFAULT_MAX_ATTEMPTS = 10;

type Work = (job: Job) => Promise<JobEnd | void>;

/** A kind and the method that does its work. */
export interface JobHandler extends HandlesSpec {
  readonly work: Work;
  readonly onCallerGone?: (job: Job) => Promise<unknown>;
}

/** Every kind that this process can do, found on the providers of the application. */
@Injectable()
export class JobHandlers implements OnModuleInit {
  private readonly byKind = new Map<string, JobHandler>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const { provider, method, said } of decoratedMethods(this.discovery, handlesOf)) {
      this.add(toHandler(provider as Record<string, unknown>, method as Work, said));
    }
  }

  /** @throws {Error} when the kind has a handler already. */
  add(handler: JobHandler): void {
    if (this.byKind.has(handler.kind)) throw new Error(`two methods handle jobs of the kind ${handler.kind}`);
    this.byKind.set(handler.kind, handler);
  }

  find(kind: string): JobHandler | undefined {
    return this.byKind.get(kind);
  }

  get all(): readonly JobHandler[] {
    return [...this.byKind.values()];
  }

  maxAttempts(kind: string): number {
    return this.byKind.get(kind)?.max_attempts ?? DEFAULT_MAX_ATTEMPTS;
  }
}

function toHandler(provider: Record<string, unknown>, work: Work, spec: HandlesSpec): JobHandler {
  const gone = spec.on_caller_gone === undefined ? undefined : provider[spec.on_caller_gone];
  if (spec.on_caller_gone !== undefined && typeof gone !== 'function') {
    throw new Error(`@Handles('${spec.kind}') names ${spec.on_caller_gone}, which is no method of its class`);
  }
  return {
    ...spec,
    work,
    ...(typeof gone === 'function' && { onCallerGone: (gone as (job: Job) => Promise<unknown>).bind(provider) }),
  };
}
