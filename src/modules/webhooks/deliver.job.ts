import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/webhooks-config.js';
import { renderEvent } from '../../platform/events/log-reader.js';
import { Handles } from '../../platform/jobs/handles.decorator.js';
import type { Job, JobEnd } from '../../platform/jobs/job.js';
import type { OutboundAnswer } from '../../platform/outbound/outbound-answer.js';
import { Outbound } from '../../platform/outbound/outbound.js';
import type { Admission } from './admit.js';
import { decideAnswer } from './decide-answer.js';
import { DeliveryOutcomes, isUneventful } from './delivery-outcomes.js';
import { DELIVER, type DeliverPayload } from './delivery-queue.js';
import { Departures } from './departures.js';
import { EndpointTurns } from './endpoint-turns.js';
import type { Landing } from './flights.repository.js';
import { renderMessage } from './render-message.js';
import { Landings } from './landings.js';
import { nextWaitMs, readWaits, type RetryWaits } from './retry-schedule.js';
import { signMessage } from './sign-message.js';
import { TestEvents } from './test-events.js';
import { WebhookVault } from './webhook-vault.js';
import { attemptSeconds } from './webhooks.metrics.js';

const USER_AGENT = 'Engawa-Webhooks/1.0';
const READ_BYTES = 65_536;
const KEPT_BYTES = 4_096;
const MAX_HEADER_VALUE = 1_000;
/** How long a delivery waits for a place before it gives its worker free. */
const PATIENCE_MS = 1_000;
/** Attempts end by the schedule of the webhook, not by the count of claims. */
const MAX_CLAIMS = 1_000;

type Going = Extract<Admission, { kind: 'goes' }>;

interface SignedRequest {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/**
 * Sends one delivery. A receiver may take seconds, so nothing is held meanwhile: what is needed is read, the exchange is
 * made without a transaction, and the result is written together with the end of the job, under its lease. Whoever dies in
 * between leaves an attempt without an end, which the next claim writes down as interrupted.
 */
@Injectable()
export class DeliverJob {
  private readonly waits: RetryWaits;

  constructor(
    private readonly departures: Departures,
    private readonly turns: EndpointTurns,
    private readonly outcomes: DeliveryOutcomes,
    private readonly landings: Landings,
    private readonly outbound: Outbound,
    private readonly vault: WebhookVault,
    private readonly tests: TestEvents,
    config: WebhooksConfig,
  ) {
    this.waits = { short_s: readWaits(config.retry_schedule_s), tail_s: readWaits(config.retry_tail_s) };
  }

  @Handles(DELIVER, { max_attempts: MAX_CLAIMS })
  async deliver(job: Job<DeliverPayload>): Promise<JobEnd | void> {
    const admission = await this.admission(job);
    switch (admission.kind) {
      case 'over':
        return undefined;
      case 'ends':
        return job.complete(() => this.outcomes.end(admission.delivery, admission.status, admission.reason));
      case 'paused':
        return job.again({ after_ms: admission.after_ms, counted: false });
      case 'full':
        return job.again({ after_ms: PATIENCE_MS * (0.5 + Math.random()), counted: false });
      case 'goes':
        return this.send(job, admission);
    }
  }

  private async admission({ payload, signal }: Job<DeliverPayload>): Promise<Admission> {
    const until_ms = performance.now() + PATIENCE_MS;
    for (;;) {
      const admission = await this.departures.ask(payload.webhook_id, payload.delivery_id);
      const rest_ms = until_ms - performance.now();
      if (admission.kind !== 'full' || rest_ms <= 0 || signal.aborted) return admission;
      await this.turns.next(payload.webhook_id, rest_ms, signal);
    }
  }

  private async send(job: Job<DeliverPayload>, going: Going): Promise<JobEnd | void> {
    const { delivery, wait_ms } = going;
    if (wait_ms > 0) await delay(wait_ms, undefined, { signal: job.signal });
    const request = this.signed(going);
    if (!request)
      return job.complete(() =>
        this.outcomes.end({ ...delivery, is_interrupted: false }, 'dead', 'signing-impossible'),
      );
    const answer = await this.outbound.request({
      url: delivery.url,
      method: 'POST',
      ...request,
      timeout_ms: delivery.timeout_ms,
      max_bytes: READ_BYTES,
    });
    const verdict = decideAnswer(answer, Date.now());
    attemptSeconds.observe({ outcome: verdict.outcome }, answer.duration_ms / 1_000);
    const attempts = delivery.attempts + (delivery.is_interrupted ? 2 : 1);
    const isOver = verdict.outcome === 'succeeded' || verdict.is_gone;
    const next_ms = isOver ? null : nextWaitMs(delivery.retry, this.waits, attempts, verdict.retry_after_ms);
    const status = verdict.outcome === 'succeeded' ? 'succeeded' : next_ms === null ? 'dead' : 'pending';
    const landing: Landing = {
      ...exchangeOf(answer),
      delivery_id: delivery.id,
      webhook_id: delivery.webhook_id,
      sent_url: delivery.url,
      outcome: verdict.outcome,
      error: verdict.error,
      status,
      reason: status === 'dead' ? verdict.error : null,
      wait_ms: next_ms,
    };
    if (isUneventful(delivery, verdict)) return this.landings.record(job, landing);
    const writes = () => this.outcomes.land(delivery, landing, verdict);
    if (next_ms === null) return job.complete(writes);
    return job.again({ after_ms: next_ms, counted: true, writes, ...(verdict.error && { reason: verdict.error }) });
  }

  /** Headers and body, signed for this moment; undefined when no secret can sign. */
  private signed({ delivery, event }: Going): SignedRequest | undefined {
    const id = delivery.event_id;
    const rendered = delivery.trigger === 'test' || event === null ? this.tests.of(delivery) : renderEvent(event);
    const body = renderMessage(rendered, delivery.payload_form);
    const timestamp_s = Math.floor(Date.now() / 1_000);
    try {
      const secrets = (delivery.secrets ?? []).map((ciphertext) => this.vault.openSecret(ciphertext));
      const headers = {
        'user-agent': USER_AGENT,
        ...this.vault.openHeaders(delivery.headers),
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp_s),
        'webhook-signature': signMessage({ id, timestamp_s, body }, secrets),
      };
      return { headers, body };
    } catch {
      return undefined;
    }
  }
}

/** What is kept of an answer: bounded, and in a form that any database takes. */
function exchangeOf(
  answer: OutboundAnswer,
): Pick<Landing, 'duration_ms' | 'status_code' | 'detail' | 'response_headers' | 'response_body' | 'is_truncated'> {
  const { duration_ms } = answer;
  if (answer.outcome === 'failed') {
    const nothing = { status_code: null, response_headers: null, response_body: null, is_truncated: false };
    return { ...nothing, duration_ms, detail: answer.detail };
  }
  const headers = Object.entries(answer.headers).map(([name, value]) => [
    name,
    kept([value].flat().join(', ')).slice(0, MAX_HEADER_VALUE),
  ]);
  return {
    duration_ms,
    status_code: answer.status,
    detail: null,
    response_headers: Object.fromEntries(headers) as Record<string, string>,
    response_body: kept(answer.body.subarray(0, KEPT_BYTES).toString('utf8')),
    is_truncated: answer.is_truncated || answer.body.length > KEPT_BYTES,
  };
}

/** PostgreSQL keeps no NUL. */
function kept(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
