import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { type DomainEvent, EVENT_TYPES, definitionOf } from '../../contracts/events.js';
import { systemPrincipal } from '../context/principal.js';
import { SystemDatabase } from '../database/system-database.js';
import type { Consume, ConsumerOptions } from './consumes.decorator.js';
import { type LogFilter, type LoggedEvent, LogReader } from './log-reader.js';
import type { Position } from './log-position.js';
import { RetryQueue, subjectKey } from './retry-queue.js';

/** A consuming method as the relay knows it. */
export interface Consumer {
  readonly options: ConsumerOptions;
  readonly consume: Consume;
}

/** How a round ended: there may be more, all is read, or the consumer is at work elsewhere (or paused). */
export type RoundOutcome = 'more' | 'done' | 'elsewhere';

export const BATCH_SIZE = 500;

/** Types that `*` does not select. */
export const QUIET_TYPES: readonly string[] = EVENT_TYPES.filter((type) => definitionOf(type).is_quiet);

const delivered = new Counter({
  name: 'engawa_relay_events_total',
  help: 'Events that a consumer has worked off.',
  labelNames: ['consumer'],
});
const failures = new Counter({
  name: 'engawa_relay_failures_total',
  help: 'Events that a consumer has thrown at.',
  labelNames: ['consumer'],
});

/** The part of the log that a consumer is told of. */
export function filterOf({ types }: ConsumerOptions): LogFilter {
  return types.includes('*') ? { except: QUIET_TYPES } : { types };
}

/**
 * A consumer that dies between its effect and its bookmark does its work twice, or never. So a round is one transaction:
 * the cursor's lock, the consumer's effects and the new cursor commit together. What a consumer throws at is put aside
 * with everything later of the same subject, and the rest of the log goes on.
 */
@Injectable()
export class ConsumerRound {
  constructor(
    private readonly db: SystemDatabase,
    private readonly log: LogReader,
    private readonly retries: RetryQueue,
  ) {}

  /** One round. @throws when the transaction as a whole failed: nothing has happened then. */
  run(consumer: Consumer, limit = BATCH_SIZE): Promise<RoundOutcome> {
    const { name } = consumer.options;
    return this.db.transaction(async () => {
      const [cursor] = await this.db.query<Position & { is_paused: boolean }>(
        `select epoch, tx::text as tx, seq::text as seq, is_paused from event_cursors where consumer = $1
          for update skip locked`,
        [name],
      );
      if (!cursor || cursor.is_paused) return 'elsewhere';
      const due = await this.retryDue(consumer);
      const page = await this.log.after(cursor, filterOf(consumer.options), limit);
      await this.deliver(consumer, page.events);
      await this.db.execute(
        `update event_cursors set epoch = $2, tx = $3, seq = $4, last_id = coalesce($5, last_id), updated_at = now()
          where consumer = $1 and (epoch, tx, seq) <> ($2, $3, $4)`,
        [name, page.next.epoch, page.next.tx, page.next.seq, page.events.at(-1)?.event.id ?? null],
      );
      return due > 0 || !page.is_complete ? 'more' : 'done';
    });
  }

  /** Works off what waits in the retry queue and is due, in log order. @returns how many were tried. */
  private async retryDue(consumer: Consumer): Promise<number> {
    const { name } = consumer.options;
    const due = await this.retries.due(name);
    const failed = new Set<string>();
    for (const entry of due) {
      const subject = subjectKey(entry.logged.event);
      if (failed.has(subject)) continue;
      const error = await this.attempt(consumer, [entry.logged]);
      if (error === undefined) {
        await this.retries.succeed(name, entry.logged);
        continue;
      }
      failed.add(subject);
      await this.retries.fail(name, entry, error);
    }
    return due.length;
  }

  private async deliver(consumer: Consumer, events: readonly LoggedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { name } = consumer.options;
    const waiting = await this.retries.waitingSubjects(name, events);
    const failed: { logged: LoggedEvent; error: unknown }[] = [];
    const behind: LoggedEvent[] = [];
    for (const group of groupsOf(events)) {
      const ready = group.filter(({ event }) => !waiting.has(subjectKey(event)));
      behind.push(...group.filter(({ event }) => waiting.has(subjectKey(event))));
      if (ready.length === 0) continue;
      let error = await this.attempt(consumer, ready);
      if (error === undefined) continue;
      for (const logged of ready) {
        const subject = subjectKey(logged.event);
        if (waiting.has(subject)) {
          behind.push(logged);
          continue;
        }
        if (ready.length > 1) error = await this.attempt(consumer, [logged]);
        if (error === undefined) continue;
        waiting.add(subject);
        failed.push({ logged, error });
      }
    }
    await this.retries.putAside(name, failed, behind);
  }

  /** Calls the consumer under a savepoint, in the workspace. @returns what it threw. */
  private async attempt({ options, consume }: Consumer, group: readonly LoggedEvent[]): Promise<unknown> {
    const [first] = group;
    if (!first) return undefined;
    const events: readonly DomainEvent[] = group.map(({ event }) => event);
    try {
      const principal = systemPrincipal(first.event.workspace_id);
      await this.db.inWorkspace(principal, { via: 'system', depth: first.depth + 1 }, () => consume(events));
    } catch (error) {
      failures.inc({ consumer: options.name });
      return error ?? new Error('the consumer threw nothing');
    }
    this.db.afterCommit(() => delivered.inc({ consumer: options.name }, events.length));
    return undefined;
  }
}

/** Neighbours of one workspace and one depth of causation, each workspace in log order. */
function groupsOf(events: readonly LoggedEvent[]): LoggedEvent[][] {
  const groups: LoggedEvent[][] = [];
  const open = new Map<string, LoggedEvent[]>();
  for (const logged of events) {
    const group = open.get(logged.event.workspace_id);
    if (group && group[0]?.depth === logged.depth) {
      group.push(logged);
      continue;
    }
    const begun = [logged];
    open.set(logged.event.workspace_id, begun);
    groups.push(begun);
  }
  return groups;
}
