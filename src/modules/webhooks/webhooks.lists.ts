import type { ListSpec } from '../../platform/http/listing.js';
import { DELIVERY_STATUSES, TRIGGERS } from './webhook-delivery.entity.js';

/** What the list of webhooks can be asked. */
export const WEBHOOK_LIST: ListSpec = {
  filters: {
    is_active: { kind: 'boolean', description: 'Whether it gets deliveries.' },
    name: { kind: 'text', description: 'The name.', operators: ['eq', 'in'] },
    created_at: { kind: 'timestamp', description: 'When it was registered.' },
  },
  sorts: { created_at: { column: 'created_at', type: 'timestamptz' } },
  default_sort: '-created_at',
};

/** What the deliveries of a webhook can be asked. */
export const DELIVERY_LIST: ListSpec = {
  filters: {
    status: { kind: 'choice', choices: DELIVERY_STATUSES, description: 'Where it stands.', operators: ['eq', 'in'] },
    event_type: { kind: 'text', description: 'Type of the event.', operators: ['eq', 'in'] },
    event_id: { kind: 'uuid', description: 'The event.', operators: ['eq', 'in'] },
    trigger: { kind: 'choice', choices: TRIGGERS, description: 'Why there is a delivery.', operators: ['eq', 'in'] },
    created_at: { kind: 'timestamp', description: 'When it was asked for.' },
  },
  sorts: { created_at: { column: 'created_at', type: 'timestamptz' } },
  default_sort: '-created_at',
};

/** What the dead letters can be asked. */
export const DEAD_LETTER_LIST: ListSpec = {
  filters: {
    webhook_id: { kind: 'uuid', description: 'The webhook.', operators: ['eq', 'in'] },
    event_type: { kind: 'text', description: 'Type of the event.', operators: ['eq', 'in'] },
    created_at: { kind: 'timestamp', description: 'When the delivery was asked for.' },
  },
  sorts: { created_at: { column: 'created_at', type: 'timestamptz' } },
  default_sort: '-created_at',
};
