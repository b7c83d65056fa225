import type { ServerResponse } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  Optional,
} from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { DomainEvent } from '../../contracts/events.js';
import { Context } from '../context/context.js';
import type { Principal } from '../context/principal.js';
import { Database } from '../database/database.js';
import { Unavailable } from '../errors/contract-problems.js';
import { TooManyStreams } from './events.errors.js';
import { LiveSignals } from './live-signals.js';
import { comparePositions, LOG_START, laterOf, type Position } from './log-position.js';
import { type LoggedEvent, LogReader } from './log-reader.js';
import { PrincipalCheck } from './principal-check.js';
import { Pulse } from './pulse.js';
import { controlFrame, RETRY, RETRY_SOON } from './stream-frames.js';
import { StreamIndex } from './stream-index.js';
import { type CloseReason, OutgoingEvent, type StreamFilter, StreamSubscriber } from './stream-subscriber.js';

/** Where a stream begins: after an event the client has seen, at the oldest (after a gap), or now. */
export type StreamStart =
  | { readonly at: 'now' }
  | { readonly at: 'after'; readonly id: string; readonly position: Position }
  | { readonly at: 'oldest'; readonly oldest_id: string };

const PAGE_SIZE = 500;
const TICK_MS = 1_000;
const TICKS_PER_PING = 15;
const MAX_PER_PRINCIPAL = 20;
const MAX_PER_WORKSPACE = 1_000;
const MAX_PER_PROCESS = 5_000;

/** Events after which the streams of their subject end. */
const ENDING: Readonly<Record<string, CloseReason>> = {
  'api_key.revoked': 'revoked',
  'workspace.member_removed': 'member_removed',
  'workspace.member_role_changed': 'role_changed',
};

const open = new Gauge({ name: 'engawa_streams_open', help: 'Event streams that this process holds.' });

/**
 * A thousand people watch the same log; it must not be read a thousand times, nobody may miss an event or see one twice
 * however the connection broke, and one who stops reading must not fill the memory. So one reader per process reads the
 * log once and hands the same bytes to all. Whoever comes reads from the log by himself, while the reader's events are
 * held back for him, and then takes those that lie after his position: both count by `(epoch, tx, seq)`.
 */
@Injectable()
export class EventStream implements OnApplicationBootstrap, BeforeApplicationShutdown, OnModuleDestroy {
  private readonly all = new Set<StreamSubscriber>();
  private readonly index = new StreamIndex();
  private readonly pulse = new Pulse(() => this.look());
  private position: Position = LOG_START;
  private opening: Promise<void> = Promise.resolve();
  private tick: NodeJS.Timeout | undefined;
  private ticks = 0;
  private isStopping = false;
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly log: LogReader,
    private readonly db: Database,
    private readonly context: Context,
    private readonly live: LiveSignals,
    @Optional() private readonly check?: PrincipalCheck,
  ) {}

  onApplicationBootstrap(): void {
    this.pulse.start(this.live, 'log');
    this.stopListening = this.live.on('access', () => {
      this.recheck([...this.all]).catch(() => undefined);
    });
    this.tick = setInterval(() => this.onTick(), TICK_MS).unref();
  }

  /** Streams this process holds for a workspace. */
  count(workspace_id: string): number {
    return [...this.all].filter(({ principal }) => principal.workspace_id === workspace_id).length;
  }

  /**
   * Opens a stream on a response to the caller of this context. Resolves when the stream is live or over.
   * @throws {TooManyStreams} {@link Unavailable} before anything is written.
   */
  async open(response: ServerResponse, filter: StreamFilter, start: StreamStart): Promise<void> {
    const principal = this.context.principal();
    this.admit(principal);
    const subscriber = new StreamSubscriber(principal, filter, response, () => this.forget(subscriber));
    if (subscriber.isClosed) return;
    this.all.add(subscriber);
    open.set(this.all.size);
    try {
      const since = await this.log.horizon();
      await this.greet(subscriber, response, start);
      await this.join(subscriber, since);
      await this.recheck([subscriber]);
    } catch (error) {
      this.forget(subscriber);
      if (!response.headersSent) throw error;
      // What was written is whole: the client comes back and goes on after its last event.
      subscriber.end(RETRY);
    }
  }

  /** Ends every stream; the clients come back soon, to another process. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const subscriber of this.all) subscriber.end(RETRY_SOON);
  }

  async onModuleDestroy(): Promise<void> {
    this.beforeApplicationShutdown();
    clearInterval(this.tick);
    this.stopListening?.();
    await this.pulse.stop();
  }

  private admit(principal: Principal): void {
    if (this.isStopping) throw new Unavailable('stopping', 'This process is stopping.');
    if (this.all.size >= MAX_PER_PROCESS)
      throw new Unavailable('streams-full', 'This process holds all its streams.', 5);
    let ofWorkspace = 0;
    let ofPrincipal = 0;
    for (const { principal: other } of this.all) {
      if (other.workspace_id !== principal.workspace_id) continue;
      ofWorkspace++;
      if (other.type === principal.type && other.id === principal.id) ofPrincipal++;
    }
    if (ofPrincipal >= MAX_PER_PRINCIPAL) throw new TooManyStreams(MAX_PER_PRINCIPAL);
    if (ofWorkspace >= MAX_PER_WORKSPACE)
      throw new Unavailable('streams-full', `A workspace may hold ${MAX_PER_WORKSPACE} streams in a process.`, 5);
  }

  private async greet(subscriber: StreamSubscriber, response: ServerResponse, start: StreamStart): Promise<void> {
    let id: string | null = null;
    if (start.at === 'after') [subscriber.position, id] = [start.position, start.id];
    if (start.at === 'now') {
      const head = await this.db.read(() => this.log.feedHead());
      if (head) [subscriber.position, id] = [head.position, head.event.id];
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    const greeting = RETRY + controlFrame('connected', { subscription_id: subscriber.id, position: id });
    subscriber.write(start.at === 'oldest' ? greeting + controlFrame('gap', { oldest_id: start.oldest_id }) : greeting);
  }

  /** Reads what the subscriber has missed, then lets the reader's events through, at a seam without gap or repeat. */
  private async join(subscriber: StreamSubscriber, since: Position): Promise<void> {
    await this.catchUp(subscriber, since);
    do {
      subscriber.hold();
      const isFirst = this.index.isEmpty;
      if (!subscriber.isClosed) this.index.add(subscriber);
      if (isFirst) this.opening = this.log.horizon().then((horizon) => this.moveTo(horizon));
      // A look that began before the subscriber was in the index does not see its workspace; later ones do.
      await this.opening;
      await this.pulse.settled();
      await this.catchUp(subscriber, since);
    } while (!subscriber.release() && !subscriber.isClosed);
  }

  /** @param since when the caller was let in: what is older has been judged by then. */
  private async catchUp(subscriber: StreamSubscriber, since: Position): Promise<void> {
    const { types, subject } = subscriber.filter;
    const [type = '', id = ''] = subject?.split('/') ?? [];
    const filter = { types: [...types], ...(subject !== null && { subject: { type, id } }) };
    let from = subscriber.position;
    while (!subscriber.isClosed) {
      const at = from;
      const page = await this.db.read(() => this.log.feedAfter(at, filter, PAGE_SIZE));
      await subscriber.takePage(page.events.map(outgoing));
      for (const { event, position } of page.events)
        if (comparePositions(position, since) > 0) endBecauseOf(event, [subscriber]);
      from = page.next;
      if (!subscriber.isClosed) subscriber.position = laterOf(subscriber.position, from);
      if (page.is_complete) return;
    }
  }

  /** One look at the log for everybody. @returns whether rows are held back. */
  private async look(): Promise<boolean> {
    if (this.index.isEmpty) return false;
    await this.opening;
    for (;;) {
      const page = await this.log.after(this.position, { workspaces: this.index.workspaceIds() }, PAGE_SIZE);
      this.moveTo(page.next);
      this.handOut(page.events);
      if (page.is_complete || this.index.isEmpty) return page.is_held;
    }
  }

  private moveTo(position: Position): void {
    this.position = laterOf(this.position, position);
  }

  private handOut(events: readonly LoggedEvent[]): void {
    const byWorkspace = new Map<string, OutgoingEvent[]>();
    for (const logged of events) {
      const { workspace_id } = logged.event;
      const some = byWorkspace.get(workspace_id) ?? [];
      if (some.length === 0) byWorkspace.set(workspace_id, some);
      some.push(outgoing(logged));
    }
    for (const [workspace_id, some] of byWorkspace) {
      for (const { event } of some) if (event.type in ENDING) endBecauseOf(event, this.index.of(workspace_id));
      this.index.deliver(workspace_id, some);
    }
  }

  private onTick(): void {
    const now = Date.now();
    for (const subscriber of this.all) {
      const { expires_at_ms } = subscriber.principal;
      if (expires_at_ms !== null && expires_at_ms <= now) subscriber.close('expired');
    }
    if (++this.ticks % TICKS_PER_PING > 0) return;
    for (const subscriber of this.all) subscriber.ping();
    this.recheck([...this.all]).catch(() => undefined);
  }

  /** Ends the streams of those who may no longer be here. Each principal is asked for once. */
  private async recheck(subscribers: readonly StreamSubscriber[]): Promise<void> {
    const answers = new Map<string, Promise<boolean>>();
    await Promise.all(
      subscribers.map(async (subscriber) => {
        const { principal } = subscriber;
        const key = [principal.workspace_id, principal.type, principal.id, principal.session_id, principal.role].join();
        const answer = answers.get(key) ?? this.check?.stillValid(principal) ?? Promise.resolve(true);
        answers.set(key, answer);
        if (!(await answer)) subscriber.close('no_longer_valid');
      }),
    );
  }

  private forget(subscriber: StreamSubscriber): void {
    this.all.delete(subscriber);
    this.index.remove(subscriber);
    open.set(this.all.size);
  }
}

/** Ends the streams of those whose rights this event takes or changes. */
function endBecauseOf(event: DomainEvent, subscribers: readonly StreamSubscriber[]): void {
  const reason = ENDING[event.type];
  if (reason === undefined) return;
  const id = event.subject.split('/')[1];
  const { user_id } = event.data;
  for (const subscriber of subscribers) {
    const { api_key_id, user_id: person } = subscriber.principal;
    const isMeant =
      event.type === 'api_key.revoked' ? api_key_id === id : person !== null && (person === id || person === user_id);
    if (isMeant) subscriber.close(reason);
  }
}

function outgoing({ event, position }: LoggedEvent): OutgoingEvent {
  return new OutgoingEvent(event, position);
}
