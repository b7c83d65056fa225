import type { Lane } from './job-claims.repository.js';

/** A kind whose jobs lately took less than this is fetched ahead, so that claims come in batches. */
const AHEAD_MS = 20;
const LEAST_COST = 1 / 25;
/** Weight of the newest run in the mean (exponential moving average). */
const NEWEST = 0.2;

/**
 * How long jobs of each kind take. A job takes a slot; one of a kind that lately needed less than 20 ms takes that fraction
 * of a slot, at least 1/25, so a process leases no more than it will have begun within a moment.
 */
export class Pace {
  private readonly means = new Map<string, number>();

  note(kind: string, run_ms: number): void {
    const mean = this.means.get(kind);
    this.means.set(kind, mean === undefined ? run_ms : mean + NEWEST * (run_ms - mean));
  }

  /** Jobs of this kind waited here too long: nothing is fetched ahead until they are quick again. */
  noteSlow(kind: string): void {
    this.means.set(kind, AHEAD_MS);
  }

  cost(kind: string): number {
    return Math.min(1, Math.max(LEAST_COST, (this.means.get(kind) ?? AHEAD_MS) / AHEAD_MS));
  }
}

interface Use {
  held: number;
  running: number;
}

/**
 * The slots of one process and who has them. A workspace gets at most three quarters and a lane a quarter (or what its kind
 * says), so there is always room for a stranger. Leases are counted by cost, runs one by one.
 */
export class Slots {
  readonly workspace_slots: number;
  private readonly total: Use = { held: 0, running: 0 };
  private readonly workspaces = new Map<string, Use>();
  private readonly lanes = new Map<string, Use & Lane>();

  constructor(readonly concurrency: number) {
    this.workspace_slots = Math.max(1, Math.floor((concurrency * 3) / 4));
  }

  laneSlots(per_lane: number | undefined): number {
    return Math.min(this.workspace_slots, per_lane ?? Math.max(1, Math.floor(this.concurrency / 4)));
  }

  get room(): number {
    return this.concurrency - this.total.held;
  }

  get running(): number {
    return this.total.running;
  }

  hold(job: Lane, cost: number): void {
    for (const use of this.usesOf(job)) use.held += cost;
  }

  release(job: Lane, cost: number): void {
    for (const use of this.usesOf(job)) use.held -= cost;
    const { lane, workspace } = this.find(job);
    if (isEmpty(lane)) this.lanes.delete(laneKey(job));
    if (isEmpty(workspace)) this.workspaces.delete(job.workspace_id);
    if (isEmpty(this.total)) this.total.held = 0;
  }

  mayStart(job: Lane, lane_slots: number): boolean {
    const { lane, workspace } = this.find(job);
    return (
      this.total.running < this.concurrency && workspace.running < this.workspace_slots && lane.running < lane_slots
    );
  }

  start(job: Lane): void {
    for (const use of this.usesOf(job)) use.running++;
  }

  end(job: Lane): void {
    for (const use of this.usesOf(job)) use.running--;
  }

  heldLanes(): (Lane & { readonly used: number })[] {
    return [...this.lanes.values()].map(({ workspace_id, kind, lane, held }) => ({
      workspace_id,
      kind,
      lane,
      used: held,
    }));
  }

  heldWorkspaces(): { readonly workspace_id: string; readonly used: number }[] {
    return [...this.workspaces].map(([workspace_id, use]) => ({ workspace_id, used: use.held }));
  }

  private usesOf(job: Lane): Use[] {
    const { lane, workspace } = this.find(job);
    return [this.total, workspace, lane];
  }

  private find({ workspace_id, kind, lane }: Lane): { lane: Use; workspace: Use } {
    const key = laneKey({ workspace_id, kind, lane });
    let use = this.lanes.get(key);
    if (!use) this.lanes.set(key, (use = { workspace_id, kind, lane, held: 0, running: 0 }));
    let workspace = this.workspaces.get(workspace_id);
    if (!workspace) this.workspaces.set(workspace_id, (workspace = { held: 0, running: 0 }));
    return { lane: use, workspace };
  }
}

export function laneKey({ workspace_id, kind, lane }: Lane): string {
  return `${workspace_id} ${kind} ${lane}`;
}

/** Sums of fractions come back to zero only nearly. */
function isEmpty(use: Use): boolean {
  return use.held < 1e-6 && use.running === 0;
}
