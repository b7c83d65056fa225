import type { EventRow } from '../../platform/events/log-reader.js';
import type { ClaimedDelivery, NextPlace } from './flights.repository.js';
import type { DeliveryStatus } from './webhook-delivery.entity.js';

/** What is to be done with a delivery that a worker holds. */
export type Admission =
  /** It ended meanwhile: nothing. */
  | { readonly kind: 'over' }
  /** It ends here, without being sent. */
  | {
      readonly kind: 'ends';
      readonly delivery: ClaimedDelivery;
      readonly status: DeliveryStatus;
      readonly reason: string;
    }
  /** The endpoint rests. */
  | { readonly kind: 'paused'; readonly after_ms: number }
  /** As much is under way to the endpoint as may be. */
  | { readonly kind: 'full' }
  /** It is sent, after so many milliseconds. `event` is null for a test. */
  | {
      readonly kind: 'goes';
      readonly delivery: ClaimedDelivery;
      readonly event: EventRow | null;
      readonly wait_ms: number;
    };

/** What a batch of claimed deliveries comes to. */
export interface Admissions {
  readonly byDelivery: ReadonlyMap<string, Admission>;
  /** Places taken at endpoints with a limit per second. */
  readonly places: readonly NextPlace[];
}

/** A place so far ahead is not kept: the delivery gives its worker free. */
const MAX_WAIT_MS = 1_000;

/**
 * Decides over deliveries of one workspace that were claimed together, in their order: first whether there is anything to
 * send at all, then whether the endpoint has room.
 *
 * @param attemptsOf how many attempts a delivery of this endpoint has
 */
export function admit(
  deliveries: readonly ClaimedDelivery[],
  events: readonly EventRow[],
  attemptsOf: (delivery: ClaimedDelivery) => number,
): Admissions {
  const byId = new Map(events.map((event) => [event.id, event]));
  const byDelivery = new Map<string, Admission>();
  const underWay = new Map<string, number>();
  const next = new Map<string, number>();
  for (const delivery of deliveries) {
    const { id, webhook_id, max_in_flight, in_flight_limit, per_second } = delivery;
    const event = byId.get(delivery.event_id) ?? null;
    const end = endOf(delivery, event, attemptsOf(delivery));
    const flying = underWay.get(webhook_id) ?? delivery.in_flight;
    const wait_ms = per_second === null ? 0 : (next.get(webhook_id) ?? Math.max(0, delivery.next_send_ms));
    if (end) byDelivery.set(id, end);
    else if (delivery.paused_ms > 0) byDelivery.set(id, { kind: 'paused', after_ms: delivery.paused_ms });
    else if (flying >= Math.min(max_in_flight, in_flight_limit ?? max_in_flight) || wait_ms > MAX_WAIT_MS)
      byDelivery.set(id, { kind: 'full' });
    else {
      underWay.set(webhook_id, flying + 1);
      if (per_second !== null) next.set(webhook_id, wait_ms + 1_000 / per_second);
      byDelivery.set(id, { kind: 'goes', delivery, event, wait_ms });
    }
  }
  return { byDelivery, places: [...next].map(([webhook_id, next_send_ms]) => ({ webhook_id, next_send_ms })) };
}

function endOf(delivery: ClaimedDelivery, event: EventRow | null, attempts: number): Admission | undefined {
  const ends = (status: DeliveryStatus, reason: string): Admission => ({ kind: 'ends', delivery, status, reason });
  if (delivery.status !== 'pending') return { kind: 'over' };
  if (delivery.is_deleted) return ends('cancelled', 'endpoint-deleted');
  if (!delivery.is_active) {
    const { disabled_reason } = delivery;
    return disabled_reason === 'gone' || disabled_reason === 'failing'
      ? ends('dead', `endpoint-${disabled_reason}`)
      : ends('cancelled', 'endpoint-disabled');
  }
  if (delivery.trigger !== 'test' && event === null) return ends('dead', 'event-gone');
  if (!delivery.secrets?.length) return ends('dead', 'signing-impossible');
  if (delivery.is_interrupted && delivery.attempts + 1 >= attempts) return ends('dead', 'interrupted');
  return undefined;
}
