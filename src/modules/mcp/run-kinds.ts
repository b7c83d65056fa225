import { Injectable } from '@nestjs/common';
import type { Permission } from '../../contracts/permissions.js';

/** A long-running work as every room shows it. */
export interface RunView {
  /** The run's own id, in the room that owns it. */
  readonly job_id: string;
  readonly status: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly done: number | null;
  readonly total: number | null;
  /** What is said to a person: why it failed, what it does just now. */
  readonly message: string | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly created_at: string;
  readonly finished_at: string | null;
}

/** One kind of work that `start_job` begins and `get_job` shows. */
export interface RunKind {
  /** snake_case: ingest. */
  readonly job_type: string;
  /** What it does and which members `input` has; one sentence. */
  readonly description: string;
  readonly permissions: { readonly start: readonly Permission[]; readonly show: readonly Permission[] };
  /** Called in the caller's context. Throws Problems; the room checks `input` itself. */
  start(input: Readonly<Record<string, unknown>>): Promise<RunView>;
  /** Null when there is no such run of this kind in the workspace. */
  show(jobId: string): Promise<RunView | null>;
}

/** Rooms with long-running work register it here, in a constructor or `onModuleInit`. */
@Injectable()
export class RunKinds {
  private readonly kinds = new Map<string, RunKind>();

  /** @throws {Error} when the name is taken. */
  register(kind: RunKind): void {
    if (this.kinds.has(kind.job_type)) throw new Error(`the run kind ${kind.job_type} is registered twice`);
    this.kinds.set(kind.job_type, kind);
  }

  all(): readonly RunKind[] {
    return [...this.kinds.values()].sort((a, b) => (a.job_type < b.job_type ? -1 : 1));
  }

  find(jobType: string): RunKind | undefined {
    return this.kinds.get(jobType);
  }
}
