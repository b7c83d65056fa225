import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy, Optional } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { SystemDatabase } from '../database/system-database.js';
import { Health } from '../telemetry/health.js';
import { filterOf, QUIET_TYPES } from './consumer-round.js';
import { LogReader } from './log-reader.js';
import { Relay } from './relay.js';

/** How well the log flows. */
export interface LogHealthReport {
  /** Age of the oldest committed event that no reader may take yet; 0 when there is none. */
  readonly held_back_s: number;
  /** Who holds it back, named when the transaction is older than 10 s. */
  readonly holder?: {
    readonly pid: number | null;
    readonly prepared_transaction: string | null;
    readonly age_s: number;
  };
  /** Per consumer the age of the oldest event that it has not read. */
  readonly lag_s: Readonly<Record<string, number>>;
  /** Per consumer the number of events it gave up on, where there are any. */
  readonly parked: Readonly<Record<string, number>>;
}

const MEASURE_MS = 10_000;
const NAMED_FROM_S = 10;

const held = new Gauge({
  name: 'engawa_log_held_back_seconds',
  help: 'Age of the oldest committed event that an older open transaction keeps from all readers.',
});
const lag = new Gauge({
  name: 'engawa_relay_lag_seconds',
  help: 'Age of the oldest event that a consumer has not read.',
  labelNames: ['consumer'],
});

const HELD_BACK = `
  select extract(epoch from clock_timestamp() - e.time)::double precision as age_s from events e
  where e.epoch = $1::int and e.tx >= pg_snapshot_xmin(pg_current_snapshot()) order by e.epoch, e.tx, e.seq limit 1`;
const LAG = `
  select c.consumer,
    (select extract(epoch from clock_timestamp() - e.time)::double precision
      from app.log_after(c.epoch, c.tx, c.seq, $1::int, null, string_to_array(wanted.types, ','), case when wanted.types is null then $4::text[] else '{}' end, 1) e) as lag_s,
    (select count(*) from event_retries r where r.consumer = c.consumer and r.parked_at is not null) as parked
  from unnest($2::text[], $3::text[]) as wanted(consumer, types) join event_cursors c using (consumer)`;

/** Watches the price of reading in order: one writing transaction left open anywhere holds everybody back. */
@Injectable()
export class LogHealth implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly db: SystemDatabase,
    private readonly log: LogReader,
    private readonly relay: Relay,
    @Optional() health?: Health,
  ) {
    health?.add('log', async () => ({ is_ready: true, ...(await this.check()) }));
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.check().catch(() => undefined);
    }, MEASURE_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async check(): Promise<LogHealthReport> {
    const epoch = await this.log.currentEpoch();
    const consumers = this.relay.consumers();
    const names = consumers.map(({ options }) => options.name);
    const types = consumers.map(({ options }) => filterOf(options).types?.join(',') ?? null);
    const [[waiting], [holder], lags] = await Promise.all([
      this.db.query<{ age_s: number }>(HELD_BACK, [epoch]),
      this.db.query<{ pid: number | null; gid: string | null; age_s: number }>('select * from app.log_holder()'),
      this.db.query<{ consumer: string; lag_s: number | null; parked: number }>(LAG, [
        epoch,
        names,
        types,
        QUIET_TYPES,
      ]),
    ]);
    const held_back_s = round(waiting?.age_s ?? 0);
    held.set(held_back_s);
    for (const { consumer, lag_s } of lags) lag.set({ consumer }, round(lag_s ?? 0));
    const isNamed = holder !== undefined && holder.age_s > NAMED_FROM_S;
    return {
      held_back_s,
      ...(isNamed && {
        holder: { pid: holder.pid, prepared_transaction: holder.gid, age_s: round(holder.age_s) },
      }),
      lag_s: Object.fromEntries(lags.map(({ consumer, lag_s }) => [consumer, round(lag_s ?? 0)])),
      parked: Object.fromEntries(
        lags.filter(({ parked }) => parked > 0).map(({ consumer, parked }) => [consumer, parked]),
      ),
    };
  }
}

function round(seconds: number): number {
  return Math.max(0, Math.round(seconds * 10) / 10);
}
