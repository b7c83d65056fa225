import { VIAS } from '../../contracts/events.js';
import {
  BooleanField,
  ChoiceField,
  IntegerField,
  items,
  JsonField,
  ListField,
  ObjectField,
  TextField,
  TimestampField,
  UuidField,
} from '../http/fields.js';

/** Who caused an event. */
export class ActorView {
  @ChoiceField(['user', 'api_key', 'system'], { description: 'Kind of actor.' })
  type!: string;

  @UuidField({ description: 'Key or user; null for the system itself.', is_optional: true })
  id!: string | null;

  @TextField({ description: 'Name at the time of the event.', example: 'Sales agent' })
  name!: string;
}

/** An event as every reader sees it. */
export class EventView {
  @UuidField({ description: 'UUIDv7; also the id of the stream message.' })
  id!: string;

  @TextField({ description: 'One of GET /api/v1/events/types.', example: 'contact.created' })
  type!: string;

  @TimestampField({ description: 'When it happened.' })
  time!: string;

  @UuidField({ description: 'The workspace.' })
  workspace_id!: string;

  @TextField({
    description: 'What it happened to: <noun>/<id>.',
    example: 'contact/0198c1f0-7a54-7cc3-9d3e-2f6a1b4c5d6e',
  })
  subject!: string;

  @ObjectField(() => ActorView, { description: 'Who caused it.' })
  actor!: ActorView;

  @ChoiceField(VIAS, { description: 'The way in.' })
  via!: string;

  @TextField({ description: 'X-Request-Id of the request that caused it.', is_optional: true })
  request_id!: string | null;

  @JsonField({ description: 'The resource right after the change.', shape: 'object' })
  data!: Record<string, unknown>;

  @JsonField({ description: 'Each changed field: {from, to}.', shape: 'object' })
  changes!: Record<string, unknown>;

  @BooleanField({ description: 'Present when data exceeded 256 KiB and holds only what changed.', is_optional: true })
  is_truncated?: boolean;
}

/** An event that a consumer gave up on. */
export class ParkedEventView {
  @UuidField({ description: 'The event.' })
  id!: string;

  @TextField({ description: 'The consumer.', example: 'contacts.owners' })
  consumer!: string;

  @TextField({ description: 'Type of the event.', example: 'workspace.member_removed' })
  type!: string;

  @TextField({ description: 'Subject of the event: <noun>/<id>.' })
  subject!: string;

  @IntegerField({ description: 'How often the consumer was called.', min: 1 })
  attempts!: number;
}

/** An event type. */
export class EventTypeView {
  @TextField({ description: 'The type.', example: 'contact.created' })
  type!: string;

  @TextField({ description: 'One sentence.', example: 'A contact was created.' })
  meaning!: string;

  @TextField({ description: 'What subject begins with.', example: 'contact' })
  noun!: string;

  @TextField({ description: 'Needed beside events:read.', example: 'contacts:read' })
  permission!: string;

  @BooleanField({ description: 'Selected by its exact name only, not by *.' })
  is_quiet!: boolean;

  @JsonField({ description: 'JSON Schema (draft 2020-12) of an event of this type.', shape: 'object' })
  schema!: Record<string, unknown>;

  @JsonField({ description: 'An example.', shape: 'object' })
  example!: Record<string, unknown>;
}

/** The catalogue of event types. */
export class EventTypesView {
  @ListField(items.object(() => EventTypeView), { description: 'Every event type.' })
  items!: EventTypeView[];
}

/** Streams of this process. */
export class StreamStatusView {
  @IntegerField({ description: 'Open streams of the workspace in the process that answered.', min: 0 })
  subscribers!: number;
}
