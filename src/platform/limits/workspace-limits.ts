import { Injectable } from '@nestjs/common';
import { LimitsConfig } from '../../../config/app-config.js';
import { Context } from '../context/context.js';
import { Database } from '../database/database.js';
import { SystemDatabase } from '../database/system-database.js';
import { Invalid } from '../errors/contract-problems.js';
import type { FieldMistake } from '../errors/problem.js';
import { Events } from '../events/events.js';
import type { BurstDto, WorkspaceLimitsDto } from './limits.dto.js';

/** What holds for the callers of one workspace. 0 means no limit. */
export interface EffectiveLimits {
  readonly principal_per_minute: number;
  readonly workspace_per_minute: number;
  readonly burst: BurstDto | null;
}

interface Row {
  readonly principal_per_minute: number | null;
  readonly burst_q: number | null;
  readonly burst_w: number | null;
  readonly operator_principal_per_minute: number | null;
  readonly operator_workspace_per_minute: number | null;
}

const COLUMNS = 'principal_per_minute, burst_q, burst_w, operator_principal_per_minute, operator_workspace_per_minute';
const UNSET: Row = {
  principal_per_minute: null,
  burst_q: null,
  burst_w: null,
  operator_principal_per_minute: null,
  operator_workspace_per_minute: null,
};

/** A change is seen by every process within this time. */
const FRESH_MS = 5_000;
const MOST_KEPT = 10_000;

/** What a workspace sets for its callers, below what the operator allows; kept for five seconds. */
@Injectable()
export class WorkspaceLimits {
  private readonly kept = new Map<string, { readonly limits: EffectiveLimits; readonly until: number }>();

  constructor(
    private readonly config: LimitsConfig,
    private readonly system: SystemDatabase,
    private readonly db: Database,
    private readonly context: Context,
    private readonly events: Events,
  ) {}

  /** At once when they were read within five seconds. */
  of(workspaceId: string): EffectiveLimits | Promise<EffectiveLimits> {
    const known = this.kept.get(workspaceId);
    return known && known.until > performance.now() ? known.limits : this.read(workspaceId);
  }

  /**
   * Replaces what the caller's workspace has set.
   * @throws {Invalid} above the operator's maximum.
   */
  async replace(wanted: WorkspaceLimitsDto): Promise<WorkspaceLimitsDto> {
    const after = { principal_per_minute: wanted.principal_per_minute ?? null, burst: wanted.burst ?? null };
    const workspaceId = this.context.workspaceId();
    await this.db.transaction(async () => {
      const [row = UNSET] = await this.db.query<Row>(`select ${COLUMNS} from workspace_limits for update`);
      this.requireBelowMaximum(after.principal_per_minute, row);
      const before = chosenIn(row);
      if (JSON.stringify(before) === JSON.stringify(after)) return;
      await this.db.execute(
        `insert into workspace_limits (principal_per_minute, burst_q, burst_w) values ($1, $2, $3)
         on conflict on constraint workspace_limits_pkey do update
           set principal_per_minute = excluded.principal_per_minute, burst_q = excluded.burst_q,
               burst_w = excluded.burst_w, updated_at = now()`,
        [after.principal_per_minute, after.burst?.q ?? null, after.burst?.w ?? null],
      );
      this.events.publish('workspace.updated', {
        subject_id: workspaceId,
        data: { id: workspaceId, limits: after },
        changes: { limits: { from: before, to: after } },
      });
    });
    this.kept.delete(workspaceId);
    return after;
  }

  private requireBelowMaximum(wanted: number | null, row: Row): void {
    const maximum = row.operator_principal_per_minute ?? this.config.principal_per_minute;
    if (wanted === null || bounded(wanted, maximum) === wanted) return;
    const mistake: FieldMistake = {
      pointer: '/principal_per_minute',
      detail: `principal_per_minute must be from 1 to ${maximum}, the operator's maximum.`,
    };
    throw new Invalid([mistake], { extensions: { maximum } });
  }

  private async read(workspaceId: string): Promise<EffectiveLimits> {
    const [row = UNSET] = await this.system.query<Row>(
      `select ${COLUMNS} from workspace_limits where workspace_id = $1`,
      [workspaceId],
    );
    const maximum = row.operator_principal_per_minute ?? this.config.principal_per_minute;
    const limits: EffectiveLimits = {
      principal_per_minute: bounded(row.principal_per_minute ?? maximum, maximum),
      workspace_per_minute: row.operator_workspace_per_minute ?? this.config.workspace_per_minute,
      burst: chosenIn(row).burst,
    };
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    this.kept.set(workspaceId, { limits, until: performance.now() + FRESH_MS });
    return limits;
  }
}

function chosenIn(row: Row): { principal_per_minute: number | null; burst: BurstDto | null } {
  const burst = row.burst_q === null || row.burst_w === null ? null : { q: row.burst_q, w: row.burst_w };
  return { principal_per_minute: row.principal_per_minute, burst };
}

/** The smaller limit, 0 being none. */
function bounded(limit: number, maximum: number): number {
  if (maximum === 0) return limit;
  return limit === 0 ? maximum : Math.min(limit, maximum);
}
