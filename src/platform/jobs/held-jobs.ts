import type { LeasedJob } from './job.js';
import type { JobHandler } from './job-handlers.js';
import { laneKey, type Slots } from './slots.js';

/** A job that this process holds the lease of. */
export interface HeldJob {
  readonly row: LeasedJob;
  readonly handler: JobHandler;
  /** What it takes of a slot. */
  readonly cost: number;
  readonly lane_slots: number;
  readonly controller: AbortController;
  /** Milliseconds of the monotonic clock. */
  readonly since_ms: number;
  /** Until then the lease surely stands, by the monotonic clock. */
  stands_until_ms: number;
  /** `ending`: the handler is through and its end is being recorded. `lost`: whatever it does no longer counts. */
  state: 'queued' | 'running' | 'ending' | 'lost';
}

/** The leases of a process: which of its jobs run, and which wait for a slot of their lane. */
export class HeldJobs {
  private readonly byId = new Map<string, HeldJob>();
  private readonly queues = new Map<string, HeldJob[]>();

  constructor(private readonly slots: Slots) {}

  get size(): number {
    return this.byId.size;
  }

  get all(): readonly HeldJob[] {
    return [...this.byId.values()];
  }

  find(id: string): HeldJob | undefined {
    return this.byId.get(id);
  }

  add(job: HeldJob): void {
    this.byId.set(job.row.id, job);
    this.slots.hold(job.row, job.cost);
    const key = laneKey(job.row);
    const queue = this.queues.get(key);
    if (queue) queue.push(job);
    else this.queues.set(key, [job]);
  }

  /** The jobs that may start now, one lane after the other; they count as running from here on. */
  startable(): HeldJob[] {
    const started: HeldJob[] = [];
    for (let before = -1; before < started.length;) {
      before = started.length;
      for (const [key, queue] of this.queues) {
        const next = queue[0];
        if (!next || !this.slots.mayStart(next.row, next.lane_slots)) continue;
        queue.shift();
        if (queue.length === 0) this.queues.delete(key);
        this.slots.start(next.row);
        next.state = 'running';
        started.push(next);
      }
    }
    return started;
  }

  /** Takes jobs out that have not started. */
  takeQueued(is_chosen: (job: HeldJob) => boolean = () => true): HeldJob[] {
    const chosen: HeldJob[] = [];
    for (const [key, queue] of this.queues) {
      const rest = queue.filter((job) => !is_chosen(job));
      chosen.push(...queue.filter(is_chosen));
      if (rest.length > 0) this.queues.set(key, rest);
      else this.queues.delete(key);
    }
    return chosen;
  }

  /** Forgets a job whose end is recorded or no longer matters. */
  remove(job: HeldJob): void {
    if (this.byId.delete(job.row.id)) this.slots.release(job.row, job.cost);
  }
}
