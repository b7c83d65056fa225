import { v7 } from 'uuid';
import { type Changes, definitionOf, type EventType } from '../../contracts/events.js';

/** What a service says about a change. */
export interface PublishedEvent {
  readonly subject_id: string;
  /** The resource as it is right after the change. */
  readonly data: object;
  /** Every changed field with its value before and after; left out for what has no before. */
  readonly changes?: Changes;
  /** Ids of the other records that the event belongs to; they show it in their timelines. */
  readonly about?: readonly string[];
}

/** An event as one row for jsonb_to_recordset, already JSON. */
export interface EventRecord {
  readonly id: string;
  readonly json: string;
  readonly about: readonly string[];
}

/** Largest `data`, and largest `changes`, in bytes of JSON. */
export const MAX_DATA_BYTES = 262_144;
/** In changes beyond the limit, values larger than this give way to null. */
const MAX_CHANGE_BYTES = 4_096;

/** Writes the event down at this moment: what the caller does to `data` later does not reach the log. */
export function recordEvent(type: EventType, event: PublishedEvent): EventRecord {
  const id = v7();
  let data = JSON.stringify(event.data);
  let changes = event.changes && Object.keys(event.changes).length > 0 ? JSON.stringify(event.changes) : undefined;
  let is_truncated = false;
  if (isTooLarge(changes)) {
    changes = JSON.stringify(Object.fromEntries(Object.entries(event.changes ?? {}).map(shortenChange)));
    if (isTooLarge(changes)) changes = undefined;
    is_truncated = true;
  }
  if (isTooLarge(data)) {
    data = JSON.stringify(onlyChanged(event));
    if (isTooLarge(data)) data = JSON.stringify({ id: event.subject_id });
    is_truncated = true;
  }
  const json =
    `{"id":"${id}","type":"${type}","subject_type":"${definitionOf(type).noun}",` +
    `"subject_id":${JSON.stringify(event.subject_id)},"data":${data}` +
    `${changes === undefined ? '' : `,"changes":${changes}`},"is_truncated":${is_truncated}}`;
  return { id, json, about: event.about ? [...new Set(event.about)] : [] };
}

function isTooLarge(json: string | undefined): boolean {
  return json !== undefined && json.length > MAX_DATA_BYTES / 4 && Buffer.byteLength(json) > MAX_DATA_BYTES;
}

function onlyChanged({ subject_id, data, changes = {} }: PublishedEvent): Record<string, unknown> {
  const fields = Object.entries(data).filter(([name]) => name === 'id' || Object.hasOwn(changes, name));
  return { id: subject_id, ...Object.fromEntries(fields) };
}

function shortenChange([name, { from, to }]: [string, Changes[string]]): [string, Changes[string]] {
  return [name, { from: shorten(from), to: shorten(to) }];
}

function shorten(value: unknown): unknown {
  const json: string | undefined = JSON.stringify(value);
  return json !== undefined && json.length > MAX_CHANGE_BYTES ? null : value;
}
