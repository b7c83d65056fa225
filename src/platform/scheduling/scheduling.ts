import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import { decoratedMethods } from '../decorators/decorated-methods.js';
import { scheduleOf, type ScheduleSpec } from './scheduled.decorator.js';
import { ScheduledRunsRepository } from './scheduled-runs.repository.js';

/** How long a run belongs to a process that gives no sign of life. */
const LEASE_MS = 60_000;
/** A process looks at least this often whether a run is due, so that a run missed by a stopped process is soon made up. */
const MAX_LOOK_MS = 30_000;

interface Housekeeping extends ScheduleSpec {
  readonly work: () => Promise<unknown>;
}

/**
 * Housekeeping must happen every so often, in an installation of any number of processes of which any may die. So each
 * method has one row that says when it is due and who is at it; processes look often, and one conditional update decides
 * who runs. A failure is logged and waits for the next time.
 */
@Injectable()
export class Scheduling implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('scheduling');
  private readonly instance = randomUUID();
  private readonly byName = new Map<string, Housekeeping>();
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly registry: SchedulerRegistry,
    private readonly runs: ScheduledRunsRepository,
  ) {}

  onModuleInit(): void {
    for (const { method, said } of decoratedMethods(this.discovery, scheduleOf)) {
      this.add({ ...said, work: method as () => Promise<unknown> });
    }
  }

  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  /** Begins to look whether runs are due. */
  start(): void {
    for (const { name, every_ms } of this.byName.values()) {
      if (this.registry.doesExist('interval', name)) continue;
      const look = () => this.look(name);
      look();
      this.registry.addInterval(name, setInterval(look, Math.min(every_ms, MAX_LOOK_MS)).unref());
    }
  }

  /** Starts no more runs and waits for those under way. */
  async stop(): Promise<void> {
    for (const name of this.byName.keys()) {
      if (this.registry.doesExist('interval', name)) this.registry.deleteInterval(name);
    }
    await Promise.all(this.underWay.values());
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }

  /**
   * For tests: runs everything now, one after the other, whether due or not.
   * @throws {AggregateError} of what failed.
   */
  async runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const { work } of this.byName.values()) {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'housekeeping failed');
  }

  private add(housekeeping: Housekeeping): void {
    const { name } = housekeeping;
    if (this.byName.has(name)) throw new Error(`two methods are scheduled as ${name}`);
    this.byName.set(name, housekeeping);
  }

  private look(name: string): void {
    const housekeeping = this.byName.get(name);
    if (!housekeeping || this.underWay.has(name)) return;
    const run = this.runIfDue(housekeeping)
      .catch((error: unknown) => this.logger.error(error, `scheduled ${name}`))
      .finally(() => this.underWay.delete(name));
    this.underWay.set(name, run);
  }

  private async runIfDue({ name, every_ms, work }: Housekeeping): Promise<void> {
    if (!(await this.runs.take(name, every_ms, LEASE_MS, this.instance))) return;
    const extend = (): void => {
      this.runs.extend(name, LEASE_MS, this.instance).catch((error: unknown) => this.logger.warn(error));
    };
    const timer = setInterval(extend, LEASE_MS / 3).unref();
    try {
      await work();
    } finally {
      clearInterval(timer);
      await this.runs.release(name, this.instance);
    }
  }
}
