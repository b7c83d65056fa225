import type { EventId, EventStore, JSONRPCMessage, StreamId } from '@modelcontextprotocol/server';

const MAX_EVENTS = 256;
const MAX_BYTES = 1_048_576;

interface StoredEvent {
  readonly stream_id: StreamId;
  readonly message: JSONRPCMessage;
  readonly bytes: number;
}

/** What one legacy session was sent lately, so that a client that lost its stream can go on from `Last-Event-ID`. Bounded. */
export class SessionEvents implements EventStore {
  private readonly events = new Map<EventId, StoredEvent>();
  private bytes = 0;
  private count = 0;

  storeEvent(stream_id: StreamId, message: JSONRPCMessage): Promise<EventId> {
    const id = String(++this.count);
    const bytes = Buffer.byteLength(JSON.stringify(message));
    this.events.set(id, { stream_id, message, bytes });
    this.bytes += bytes;
    for (const [oldest, event] of this.events) {
      if (this.events.size <= MAX_EVENTS && this.bytes <= MAX_BYTES) break;
      this.events.delete(oldest);
      this.bytes -= event.bytes;
    }
    return Promise.resolve(id);
  }

  getStreamIdForEventId(id: EventId): Promise<StreamId | undefined> {
    return Promise.resolve(this.events.get(id)?.stream_id);
  }

  async replayEventsAfter(
    last: EventId,
    { send }: { send: (id: EventId, message: JSONRPCMessage) => Promise<void> },
  ): Promise<StreamId> {
    const stream_id = this.events.get(last)?.stream_id;
    if (stream_id === undefined) throw new Error(`the event ${last.slice(0, 20)} is no longer kept`);
    let isAfter = false;
    const kept = Array.from(this.events);
    for (const [id, event] of kept) {
      // A priming event has no content and is not repeated.
      const hasContent = 'jsonrpc' in event.message;
      if (isAfter && event.stream_id === stream_id && hasContent) await send(id, event.message);
      if (id === last) isAfter = true;
    }
    return stream_id;
  }
}
