import type { Permission } from './permissions.js';

/** One type of domain event: the noun that its `data` shows, what it means, and who may see it. */
export interface EventDefinition {
  /** `subject` is `<noun>/<id>`; the schema of `data` is the one that the noun's room registers. */
  readonly noun: string;
  readonly meaning: string;
  readonly permission: Permission;
  /** True for events that `*` does not match and that only an exact name selects. */
  readonly is_quiet?: boolean;
}

const contact = { noun: 'contact', permission: 'contacts:read' } as const;
const company = { noun: 'company', permission: 'companies:read' } as const;
const ingestRun = { noun: 'ingest_run', permission: 'ingest:read' } as const;
const workspace = { noun: 'workspace', permission: 'workspace:read' } as const;
const member = { noun: 'member', permission: 'members:read' } as const;
const apiKey = { noun: 'api_key', permission: 'keys:read' } as const;
const ssoConnection = { noun: 'sso_connection', permission: 'sso:read' } as const;
const webhook = { noun: 'webhook', permission: 'webhooks:read' } as const;
const job = { noun: 'job', permission: 'workspace:admin', is_quiet: true } as const;

/** The vocabulary: every domain event of the product, in the past tense. */
export const EVENTS = {
  'contact.created': { ...contact, meaning: 'A contact was created.' },
  'contact.updated': { ...contact, meaning: 'Fields of a contact changed.' },
  'contact.deleted': { ...contact, meaning: 'A contact was deleted.' },
  'contact.restored': { ...contact, meaning: 'A deleted contact was brought back.' },
  'company.created': { ...company, meaning: 'A company was created.' },
  'company.updated': { ...company, meaning: 'Fields of a company changed.' },
  'company.deleted': { ...company, meaning: 'A company was deleted.' },
  'company.restored': { ...company, meaning: 'A deleted company was brought back.' },
  'ingest.started': { ...ingestRun, meaning: 'An ingest run began to read its records.' },
  'ingest.progress': { ...ingestRun, meaning: 'An ingest run has committed a batch.' },
  'ingest.completed': { ...ingestRun, meaning: 'An ingest run has read every record.' },
  'ingest.failed': { ...ingestRun, meaning: 'An ingest run ended before its last record.' },
  'ingest.cancelled': { ...ingestRun, meaning: 'An ingest run was stopped by a caller.' },
  'workspace.created': { ...workspace, meaning: 'A workspace was created.' },
  'workspace.updated': { ...workspace, meaning: 'Name or settings of the workspace changed.' },
  'workspace.member_added': { ...member, meaning: 'A person became a member of the workspace.' },
  'workspace.member_role_changed': { ...member, meaning: 'A member got another role.' },
  'workspace.member_removed': { ...member, meaning: 'A member left or was removed.' },
  'api_key.created': { ...apiKey, meaning: 'An API key was issued.' },
  'api_key.updated': { ...apiKey, meaning: 'Name, rights or limits of an API key changed.' },
  'api_key.rotated': { ...apiKey, meaning: 'An API key got a successor and ends after a grace time.' },
  'api_key.revoked': { ...apiKey, meaning: 'An API key stopped working.' },
  'sso_connection.created': { ...ssoConnection, meaning: "The company's identity provider was connected." },
  'sso_connection.updated': { ...ssoConnection, meaning: 'An identity provider connection changed.' },
  'sso_connection.deleted': { ...ssoConnection, meaning: 'An identity provider was disconnected.' },
  'limit.exceeded': {
    ...workspace,
    meaning: 'A caller was refused for the first time within an hour by a rate limit.',
  },
  'webhook.created': { ...webhook, meaning: 'A webhook was registered.' },
  'webhook.updated': { ...webhook, meaning: 'Fields of a webhook changed.' },
  'webhook.deleted': { ...webhook, meaning: 'A webhook was removed.' },
  'webhook.secret_rotated': { ...webhook, meaning: 'A webhook got a new secret; the old ones end after a grace time.' },
  'webhook.failing': {
    ...webhook,
    meaning: 'A delivery was given up for the first time since the webhook last worked.',
  },
  'webhook.recovered': { ...webhook, meaning: 'A webhook that was failing has taken a delivery again.' },
  'webhook.disabled': { ...webhook, meaning: 'A webhook gets no more deliveries until somebody enables it again.' },
  'webhook.delivery_dead': {
    noun: 'webhook_delivery',
    permission: 'webhooks:read',
    meaning: 'A delivery was given up; it can be replayed.',
  },
  'consumer.parked': {
    noun: 'event',
    permission: 'workspace:admin',
    is_quiet: true,
    meaning: 'A consumer gave up on an event after its last attempt.',
  },
  'job.parked': { ...job, meaning: 'A job gave up after its last attempt.' },
  'job.retried': { ...job, meaning: 'A parked or waiting job was told to run now.' },
  'job.cancelled': { ...job, meaning: 'A job was deleted before it finished.' },
  'job.expired': { ...job, meaning: 'A parked job was removed after 30 days.' },
} as const satisfies Record<string, EventDefinition>;

export type EventType = keyof typeof EVENTS;

/** Every event type, in order of declaration. */
export const EVENT_TYPES = Object.keys(EVENTS) as readonly EventType[];

/** The definition of a type, with every optional member present or undefined. */
export function definitionOf(type: EventType): EventDefinition {
  return EVENTS[type];
}

/** Who caused an event. */
export interface Actor {
  readonly type: 'user' | 'api_key' | 'system';
  readonly id: string | null;
  readonly name: string;
}

/** The way in by which a change came. */
export const VIAS = ['rest', 'mcp', 'ingest', 'import', 'workflow', 'webhook', 'system'] as const;

export type Via = (typeof VIAS)[number];

/** For each changed field its value before and after. */
export type Changes = Readonly<Record<string, { readonly from: unknown; readonly to: unknown }>>;

/** An event as every reader sees it: REST, SSE, webhooks, consumers. Names follow CloudEvents 1.0 where they exist. */
export interface DomainEvent {
  readonly id: string;
  readonly type: EventType;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  readonly workspace_id: string;
  /** `<noun>/<id>`. */
  readonly subject: string;
  readonly actor: Actor;
  readonly via: Via;
  readonly request_id: string | null;
  /** The resource as it was right after the change. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly changes: Changes;
  /** True when `data` was left out or cut because it exceeds 256 KiB. */
  readonly is_truncated?: boolean;
}
