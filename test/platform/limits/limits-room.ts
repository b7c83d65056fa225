import { DataSource } from 'typeorm';
import { Context } from '../../../src/platform/context/context.js';
import { SystemDatabase } from '../../../src/platform/database/system-database.js';
import { wireTypes } from '../../../src/platform/database/types.js';
import { bucketName, SqlLeaseStore } from '../../../src/platform/limits/lease-store.js';
import { ProcessClock } from '../../../src/platform/limits/limiter-clock.js';
import { Limiter } from '../../../src/platform/limits/limiter.js';
import type { Policy } from '../../../src/platform/limits/policy.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

/** The room on a real database, without the rest of the house. */
export interface LimitsRoom {
  readonly database: TestDatabase;
  readonly system: SystemDatabase;
  readonly store: SqlLeaseStore;
  limiter(): Limiter;
  close(): Promise<void>;
}

export async function openLimitsRoom(): Promise<LimitsRoom> {
  const database = await createTestDatabase();
  const source = new DataSource({
    type: 'postgres',
    url: database.urls.system,
    poolSize: 8,
    installExtensions: false,
    extra: { pipeline: true, types: wireTypes },
  });
  await source.initialize();
  const system = new SystemDatabase(source, new Context());
  const store = new SqlLeaseStore(system);
  return {
    database,
    system,
    store,
    limiter: () => new Limiter(store, new ProcessClock()),
    close: async () => {
      await source.destroy();
      await database.drop();
    },
  };
}

/** Counts admissions per window of the database's clock, which is this machine's. */
export class WindowLedger {
  readonly admitted = new Map<number, number>();

  private constructor(
    private readonly lengthMs: number,
    private readonly aheadMs: number,
  ) {}

  static async of({ database }: LimitsRoom, policy: Policy): Promise<WindowLedger> {
    const { rows } = await database.owner.query<{ ahead: number }>(
      'select (app.rate_position_ms($1, $2) - floor(extract(epoch from clock_timestamp()) * 1000)::bigint) as ahead',
      [bucketName(policy), policy.w],
    );
    return new WindowLedger(policy.w * 1_000, Number(rows[0]?.ahead));
  }

  record(atMs = Date.now()): void {
    const window = Math.floor((atMs + this.aheadMs) / this.lengthMs);
    this.admitted.set(window, (this.admitted.get(window) ?? 0) + 1);
  }

  get most(): number {
    return Math.max(0, ...this.admitted.values());
  }
}

/** A subject whose window has time left for a test. */
export async function policyWithTime(room: LimitsRoom, q: number, w = 60): Promise<Policy> {
  for (let i = 0; ; i++) {
    const policy: Policy = { name: 'principal', q, w, subject: `${crypto.randomUUID()} ${i}` };
    const [standing] = await room.store.standing([policy]);
    if (standing && standing.ends_in_s > w / 2) return policy;
  }
}
