import type { DomainEvent } from '../../contracts/events.js';

/** Form of the events of a stream: the event itself, or the older one of `/api/v1/sse/events`. */
export type StreamFormat = 'event' | 'legacy';

export const PING = Buffer.from(': ping\n\n');
/** How long a client waits before it comes back, in milliseconds. */
export const RETRY = 'retry: 2000\n\n';
export const RETRY_SOON = 'retry: 1000\n\n';

/** A message of the stream about itself (WHATWG HTML, 9.2): it has no id, so it does not move the client's position. */
export function controlFrame(event: 'connected' | 'gap' | 'overflow' | 'closed', data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** An event as a message. JSON holds no raw line break, so `data` is one line. */
export function eventFrame(event: DomainEvent, format: StreamFormat): Buffer {
  const data = format === 'event' ? event : legacyForm(event);
  return Buffer.from(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`);
}

function legacyForm({ type, subject, data, time }: DomainEvent): Record<string, unknown> {
  const [noun = 'subject', id = ''] = subject.split('/');
  return { type, [`${noun}_id`]: id, data, timestamp: time };
}
