import 'reflect-metadata';

/** Housekeeping that some process does every so often. */
export interface ScheduleSpec {
  /** `room.what-it-does`, unique; names the row in which instances agree. */
  readonly name: string;
  readonly every_ms: number;
}

const scheduledKey = Symbol('scheduled');

/**
 * Marks a method without arguments as housekeeping above workspaces. One process at a time runs it; it must stand being cut
 * off and run again. Work of one workspace belongs into a job.
 */
export function Scheduled(spec: ScheduleSpec): MethodDecorator {
  return (_target, _property, descriptor) => {
    Reflect.defineMetadata(scheduledKey, spec, descriptor.value as object);
  };
}

export function scheduleOf(method: object): ScheduleSpec | undefined {
  return Reflect.getMetadata(scheduledKey, method) as ScheduleSpec | undefined;
}
