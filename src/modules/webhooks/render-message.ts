import type { DomainEvent } from '../../contracts/events.js';

/** `full`: the event with its data. `thin`: what and where only; the receiver reads the resource with its own rights. */
export const PAYLOAD_FORMS = ['full', 'thin'] as const;

export type PayloadForm = (typeof PAYLOAD_FORMS)[number];

/** A rendered event, whose type may also be the ping of a test. */
export type RenderedEvent = Omit<DomainEvent, 'type'> & { readonly type: string };

const MAX_BYTES = 262_144;

/**
 * The body of a delivery: a pure function of the event, so that every attempt, replay and endpoint gets the same bytes.
 * Members stand in a fixed order; a body over 256 KiB goes without `data` and `changes`, and says so.
 */
export function renderMessage(event: RenderedEvent, form: PayloadForm): Buffer {
  const { id, type, time, workspace_id, subject, actor, via, request_id, data, changes, is_truncated } = event;
  if (form === 'thin') return toBytes({ id, type, timestamp: time, workspace_id, subject, actor });
  const head = { id, type, timestamp: time, time, workspace_id, subject, actor, via, request_id };
  const body = toBytes({ ...head, data, changes, ...(is_truncated && { is_truncated }) });
  return body.length <= MAX_BYTES ? body : toBytes({ ...head, is_truncated: true });
}

function toBytes(body: object): Buffer {
  return Buffer.from(JSON.stringify(body), 'utf8');
}
