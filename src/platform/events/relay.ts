import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { HttpConfig } from '../../../config/app-config.js';
import { SystemDatabase } from '../database/system-database.js';
import { decoratedMethods } from '../decorators/decorated-methods.js';
import { BATCH_SIZE, type Consumer, ConsumerRound, filterOf, QUIET_TYPES } from './consumer-round.js';
import { type Consume, consumerOptions } from './consumes.decorator.js';
import { LiveSignals } from './live-signals.js';
import { LogReader } from './log-reader.js';
import { Pulse } from './pulse.js';

const MAX_BACKOFF_MS = 30_000;
/** A cursor with nothing to consume is moved over what others read, this often. */
const CATCH_UP_MS = 5_000;

const WHO_IS_BEHIND = `
  select c.consumer, null::boolean as is_held
  from unnest($1::text[], $2::text[]) as wanted(consumer, types)
  join event_cursors c using (consumer)
  where not c.is_paused and (
    exists (select from app.log_after(c.epoch, c.tx, c.seq, $3::int, null, string_to_array(wanted.types, ','), case when wanted.types is null then $4::text[] else '{}' end, 1))
    or exists (select from event_retries r where r.consumer = c.consumer and r.parked_at is null and r.run_at <= now()))
  union all select null, app.log_is_held($3::int)`;

/** How one consumer is doing in this process. */
interface ConsumerState {
  readonly consumer: Consumer;
  running: boolean;
  /** Woken while it ran. */
  missed: boolean;
  failures: number;
  not_before_ms: number;
}

/**
 * Lets every `@Consumes` method read the log. One statement asks which consumers are behind, without a lock and without a
 * transaction id (an idle relay writes nothing and holds nobody back); only these run rounds. Any number of processes may
 * do so at once: the cursor's lock lets one work.
 */
@Injectable()
export class Relay implements OnModuleDestroy {
  private readonly logger = new Logger(Relay.name);
  private readonly rounds = new Set<Promise<void>>();
  private states: ConsumerState[] | undefined;
  private pulse: Pulse | undefined;
  private caught_up_ms = 0;

  constructor(
    private readonly db: SystemDatabase,
    private readonly log: LogReader,
    private readonly round: ConsumerRound,
    private readonly live: LiveSignals,
    private readonly discovery: DiscoveryService,
    private readonly config: HttpConfig,
  ) {}

  /** Starts the loop, unless this process only serves requests (`ENGAWA_ROLE=api`). */
  async start(): Promise<void> {
    if (this.pulse || this.config.role === 'api') return;
    await this.prepare();
    this.pulse = new Pulse((isPoll) => this.look(isPoll));
    this.pulse.start(this.live, 'log');
  }

  /** Ends the loop and waits for the rounds under way. */
  async stop(): Promise<void> {
    const pulse = this.pulse;
    this.pulse = undefined;
    await pulse?.stop();
    await Promise.all(this.rounds);
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop();
  }

  /** Runs rounds until no consumer has anything left to read or to retry now. For tests and `engawa events drain`. */
  async drain(): Promise<void> {
    const states = await this.prepare();
    for (;;) {
      const { names, is_held } = await this.behind(false);
      if (names.size === 0 && !is_held) return;
      for (const { consumer } of states) {
        if (!names.has(consumer.options.name)) continue;
        while ((await this.round.run(consumer)) === 'more');
      }
      if (is_held) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The consumers of this build. */
  consumers(): readonly Consumer[] {
    this.states ??= this.discover().map((consumer) => ({
      consumer,
      running: false,
      missed: false,
      failures: 0,
      not_before_ms: 0,
    }));
    return this.states.map(({ consumer }) => consumer);
  }

  /** Sets a consumer back to a moment: it gets everything since once more. */
  async rewind(consumer: string, since: Date): Promise<void> {
    const moved = await this.db.execute(
      `update event_cursors c set epoch = e.epoch, tx = e.tx, seq = e.seq - 1, updated_at = now()
        from (select epoch, tx, seq from events where id >= app.uuidv7_floor($2::timestamptz)
          order by epoch, tx, seq limit 1) e where c.consumer = $1`,
      [consumer, since.toISOString()],
    );
    if (moved > 0) this.live.signal('log');
  }

  private async prepare(): Promise<ConsumerState[]> {
    const consumers = this.consumers();
    const horizon = await this.log.horizon();
    const fromStart = consumers.map(({ options }) => options.from === 'start');
    await this.db.execute(
      `insert into event_cursors (consumer, epoch, tx, seq)
        select consumer, case when from_start then 0 else $3::int end,
          case when from_start then '0'::xid8 else $4::xid8 end, 0
        from unnest($1::text[], $2::boolean[]) as new(consumer, from_start) on conflict do nothing`,
      [consumers.map(({ options }) => options.name), fromStart, horizon.epoch, horizon.tx],
    );
    return this.states ?? [];
  }

  /** One look at the log; sets rounds going. @returns whether to look again soon. */
  private async look(isPoll: boolean): Promise<boolean> {
    const isCatchingUp = isPoll && performance.now() - this.caught_up_ms > CATCH_UP_MS;
    if (isCatchingUp) this.caught_up_ms = performance.now();
    for (const state of this.states ?? []) if (state.running) state.missed = true;
    const { names, is_held } = await this.behind(isCatchingUp);
    for (const state of this.states ?? []) {
      if (!names.has(state.consumer.options.name) || state.running) continue;
      if (performance.now() < state.not_before_ms) continue;
      const rounds = this.runRounds(state).finally(() => this.rounds.delete(rounds));
      this.rounds.add(rounds);
    }
    return is_held;
  }

  private async runRounds(state: ConsumerState): Promise<void> {
    state.running = true;
    state.missed = false;
    try {
      // After a failure of the transaction itself events go one by one, so that one of them cannot keep all others back.
      while ((await this.round.run(state.consumer, state.failures > 0 ? 1 : BATCH_SIZE)) === 'more' && this.pulse);
      state.failures = 0;
    } catch (error) {
      state.failures++;
      state.not_before_ms = performance.now() + Math.min(2 ** state.failures * 250, MAX_BACKOFF_MS);
      const reason = error instanceof Error ? error.message : String(error);
      this.logger.error(`the round of ${state.consumer.options.name} was rolled back: ${reason}`);
    } finally {
      state.running = false;
      if (state.missed) this.pulse?.beat();
    }
  }

  /** Which consumers have something to do; with `anything`, also those that only have to pass over others' events. */
  private async behind(anything: boolean): Promise<{ names: Set<string>; is_held: boolean }> {
    const consumers = this.consumers();
    const types = consumers.map(({ options }) => (anything ? null : (filterOf(options).types?.join(',') ?? null)));
    const rows = await this.db.query<{ consumer: string | null; is_held: boolean | null }>(WHO_IS_BEHIND, [
      consumers.map(({ options }) => options.name),
      types,
      await this.log.currentEpoch(),
      anything ? [] : QUIET_TYPES,
    ]);
    const names = rows.map((row) => row.consumer).filter((name) => name !== null);
    return { names: new Set(names), is_held: rows.some((row) => row.is_held === true) };
  }

  private discover(): Consumer[] {
    const found = new Map<string, Consumer>();
    for (const { method, said: options } of decoratedMethods(this.discovery, consumerOptions)) {
      if (found.has(options.name)) {
        throw new Error(`two consumers are named ${options.name}: a name is a cursor of its own`);
      }
      const consume: Consume = async (events) => (method as Consume)(events);
      found.set(options.name, { options, consume });
    }
    return [...found.values()];
  }
}
