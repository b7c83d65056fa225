import type { FieldMistake } from '../../platform/errors/problem.js';
import { patchHeaders } from './own-headers.js';
import { mistakesOfPatterns } from './select-types.js';
import { newSecret, readSecret, type SecretKind, type SigningSecret } from './signing-secret.js';
import type { Webhook } from './webhook.entity.js';
import type { UpdateWebhook } from './webhooks.dto.js';

/** What a caller decides about a webhook, with its headers in the clear. */
export type WebhookChoices = Pick<
  Webhook,
  | 'name'
  | 'url'
  | 'event_types'
  | 'payload_form'
  | 'retry'
  | 'timeout_ms'
  | 'max_in_flight'
  | 'per_second'
  | 'is_active'
> & { readonly headers: Readonly<Record<string, string>> };

/** What a request to register is applied to: every field of it has a value or a default of its own. */
export const NOTHING_CHOSEN: WebhookChoices = {
  name: '',
  url: '',
  event_types: ['*'],
  payload_form: 'full',
  retry: 'short',
  timeout_ms: 15_000,
  max_in_flight: 8,
  per_second: null,
  is_active: true,
  headers: {},
};

/** Applies a change to the choices made so far; what it does not name stays. */
export function applyWebhook(
  before: WebhookChoices,
  input: UpdateWebhook,
): { readonly choices: WebhookChoices; readonly mistakes: FieldMistake[] } {
  const { headers, mistakes } = patchHeaders(before.headers, input.headers);
  const choices: WebhookChoices = {
    name: input.name ?? before.name,
    url: input.url ?? before.url,
    event_types: input.event_types ? [...new Set(input.event_types)] : before.event_types,
    payload_form: input.payload_form ?? before.payload_form,
    retry: input.retry ?? before.retry,
    timeout_ms: input.timeout_ms ?? before.timeout_ms,
    max_in_flight: input.max_in_flight ?? before.max_in_flight,
    per_second: input.per_second === undefined ? before.per_second : input.per_second,
    is_active: input.is_active ?? before.is_active,
    headers,
  };
  return { choices, mistakes: [...mistakesOfPatterns(choices.event_types), ...mistakes] };
}

/** The secret that a caller brings along or asks for, or what is wrong with it. */
export function chooseSecret(
  given: string | null | undefined,
  kind: SecretKind | null | undefined,
  fallback: SecretKind = 'hmac',
): SigningSecret | FieldMistake {
  if (given == null) return newSecret(kind ?? fallback);
  const secret = readSecret(given);
  if (typeof secret === 'string') return { pointer: '/secret', detail: `secret ${secret}` };
  if (kind == null || kind === secret.kind) return secret;
  return { pointer: '/secret', detail: `secret is of the kind ${secret.kind}, not ${kind}.` };
}
