import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { DomainEvent } from '../../contracts/events.js';
import type { Principal } from '../context/principal.js';
import { comparePositions, LOG_START, type Position } from './log-position.js';
import { controlFrame, eventFrame, PING, type StreamFormat } from './stream-frames.js';

/** What a client asked to see. */
export interface StreamFilter {
  /** Exact types, all of which the caller may read. */
  readonly types: ReadonlySet<string>;
  /** `<noun>/<id>` */
  readonly subject: string | null;
  readonly format: StreamFormat;
}

/** An event on its way to subscribers, serialised once per form. */
export class OutgoingEvent {
  private readonly bytes = new Map<StreamFormat, Buffer>();

  constructor(
    readonly event: DomainEvent,
    readonly position: Position,
  ) {}

  as(format: StreamFormat): Buffer {
    let bytes = this.bytes.get(format);
    if (!bytes) this.bytes.set(format, (bytes = eventFrame(this.event, format)));
    return bytes;
  }
}

/** Why the server ended a stream. */
export type CloseReason = 'revoked' | 'member_removed' | 'role_changed' | 'expired' | 'no_longer_valid';

const MAX_WAITING_EVENTS = 256;
const MAX_WAITING_BYTES = 1_048_576;
/** Events of the reader that a subscriber who still catches up may hold back. */
const MAX_HELD_EVENTS = 1_000;
/** A client that reads nothing for this long, while catching up or after the end, is cut off. */
const PATIENCE_MS = 10_000;

/** One open stream: what it wants, how far it got, and how much of it waits in memory. */
export class StreamSubscriber {
  readonly id = randomUUID();
  /** Everything up to here has been written. */
  position: Position = LOG_START;
  isClosed = false;
  private last_event_id: string | null = null;
  private waiting = 0;
  /** Present while the subscriber catches up beside the reader. */
  private held: OutgoingEvent[] | null = null;
  private hasLostHeld = false;

  constructor(
    readonly principal: Principal,
    readonly filter: StreamFilter,
    private readonly response: ServerResponse,
    onClose: () => void,
  ) {
    response.on('drain', () => (this.waiting = 0));
    response.on('error', () => this.cut());
    response.once('close', () => {
      this.isClosed = true;
      onClose();
    });
    if (response.destroyed) this.isClosed = true;
  }

  /** Subscribers with the same key get the same bytes. */
  get groupKey(): string {
    return `${this.filter.format} ${this.filter.subject ?? ''} ${[...this.filter.types].sort().join(' ')}`;
  }

  wants(event: DomainEvent): boolean {
    const { types, subject } = this.filter;
    return types.has(event.type) && (subject === null || event.subject === subject);
  }

  /** Keeps what the reader brings until `release`, while older events are still being read. */
  hold(): void {
    this.held = [];
    this.hasLostHeld = false;
  }

  /** Writes what was held and not read meanwhile. @returns false when too much came to be held: catch up once more. */
  release(): boolean {
    const held = this.held ?? [];
    this.held = null;
    if (this.hasLostHeld) return false;
    this.take(held);
    return true;
  }

  /** Events from the reader, in log order; `bytes` are theirs together, made once for all who want the same. */
  take(events: readonly OutgoingEvent[], bytes?: Buffer): void {
    if (this.held) {
      if (this.held.length + events.length <= MAX_HELD_EVENTS) this.held.push(...events);
      else this.hasLostHeld = true;
      return;
    }
    const [first] = events;
    if (!first || this.isClosed) return;
    if (bytes && comparePositions(first.position, this.position) > 0) {
      this.send(events, bytes);
      return;
    }
    const fresh = events.filter(({ position }) => comparePositions(position, this.position) > 0);
    if (fresh.length > 0) this.send(fresh, Buffer.concat(fresh.map((each) => each.as(this.filter.format))));
  }

  /** Writes events that were read for this subscriber alone, and waits until the client has taken them. */
  async takePage(events: readonly OutgoingEvent[]): Promise<void> {
    const wanted = events.filter(({ event }) => this.wants(event));
    if (wanted.length === 0 || this.isClosed) return;
    const isFlowing = this.write(Buffer.concat(wanted.map((each) => each.as(this.filter.format))));
    this.passed(wanted);
    if (!isFlowing) await this.drained();
  }

  write(chunk: Buffer | string): boolean {
    return this.isClosed || this.response.write(chunk);
  }

  ping(): void {
    if (!this.response.writableNeedDrain) this.write(PING);
  }

  /** Ends the stream with a message that says why. */
  close(reason: CloseReason): void {
    this.end(controlFrame('closed', { reason, last_event_id: this.last_event_id }));
  }

  end(last: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.response.end(last);
    setTimeout(() => this.cut(), PATIENCE_MS).unref();
  }

  private send(events: readonly OutgoingEvent[], bytes: Buffer): void {
    if (this.response.writableNeedDrain) {
      this.waiting += events.length;
      if (this.waiting > MAX_WAITING_EVENTS || this.response.writableLength + bytes.length > MAX_WAITING_BYTES) {
        this.end(controlFrame('overflow', { last_event_id: this.last_event_id }));
        return;
      }
    }
    this.write(bytes);
    this.passed(events);
  }

  private passed(events: readonly OutgoingEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    this.last_event_id = last.event.id;
    this.position = last.position;
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.response.off('drain', done);
        this.response.off('close', done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.end(controlFrame('overflow', { last_event_id: this.last_event_id }));
        this.cut();
        done();
      }, PATIENCE_MS).unref();
      this.response.on('drain', done);
      this.response.on('close', done);
    });
  }

  private cut(): void {
    if (!this.response.destroyed) this.response.destroy();
  }
}
