import { Conflict } from '../../platform/errors/contract-problems.js';

/** A workspace has at most 100 webhooks. */
export class TooManyWebhooks extends Conflict {
  constructor(max: number) {
    super('too-many-webhooks', 'There are too many webhooks', `A workspace has at most ${max}. Delete one first.`);
  }
}

/** At most five secrets of a webhook are valid at a time. */
export class TooManySecrets extends Conflict {
  constructor(max: number) {
    super(
      'too-many-secrets',
      'There are too many secrets',
      `At most ${max} secrets of a webhook are valid at a time.`,
      {
        suggestion: 'Wait until old ones expire, or rotate with a shorter grace_s next time.',
      },
    );
  }
}

/** A disabled webhook gets no deliveries, not even tests. */
export class WebhookDisabled extends Conflict {
  constructor(reason: string | null) {
    super('webhook-disabled', 'The webhook is disabled', `It was disabled (${reason ?? 'manual'}) and gets nothing.`, {
      suggestion: 'Enable it with PATCH {"is_active": true}.',
    });
  }
}

/** Only a pending delivery can be cancelled. */
export class DeliveryIsOver extends Conflict {
  constructor(status: string) {
    super(
      'delivery-is-over',
      'The delivery is over',
      `The delivery is ${status}; only a pending one can be cancelled.`,
    );
  }
}

/** Only a dead delivery is a dead letter. */
export class DeliveryIsNotDead extends Conflict {
  constructor(status: string) {
    super('delivery-is-not-dead', 'The delivery is not dead', `The delivery is ${status}.`, {
      suggestion: 'POST /api/v1/webhooks/{id}/deliveries/{delivery_id}/replay sends any delivery again.',
    });
  }
}
