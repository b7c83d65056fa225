import type { ServerResponse } from 'node:http';
import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import type { DomainEvent } from '../../contracts/events.js';
import { Requires } from '../auth/requires.decorator.js';
import type { Page } from '../http/listing.js';
import { Operation } from '../http/operation.decorator.js';
import { eventList, EventQueries, type FeedPage } from './event-queries.js';
import { EventSchemas, type EventTypeEntry } from './event-schemas.js';
import { EventTypesView, EventView, StreamStatusView } from './events.dto.js';
import { Streams } from './streams.js';

const streamQuery = {
  types: 'Comma list of types; contact.* is every type of a prefix. Default: all that are not quiet.',
  subject: 'Only events of this record: <noun>/<id>.',
  last_event_id: 'Go on after this event; for clients that cannot send Last-Event-ID.',
};

@Controller('/api/v1')
export class EventsController {
  constructor(
    private readonly queries: EventQueries,
    private readonly schemas: EventSchemas,
    private readonly streams: Streams,
  ) {}

  @Get('events')
  @Requires('events:read')
  @Operation({
    id: 'events.list',
    summary: 'The log, newest first; with `after=<event id>` the pull feed: log order, {items, next_after, has_more}',
    answers: EventView,
    list: eventList,
    query: { after: 'An event id, or "start": everything after it in log order, without loss or repeat.' },
    problems: ['410 position-gone'],
  })
  list(@Query() query: Record<string, unknown>): Promise<Page<DomainEvent> | FeedPage> {
    return this.queries.find(query);
  }

  @Get('events/types')
  @Requires('events:read')
  @Operation({
    id: 'events.types.list',
    summary: 'Every event type, with JSON Schema and example',
    answers: EventTypesView,
  })
  types(): { items: EventTypeEntry[] } {
    return { items: this.schemas.catalogue() };
  }

  @Get('events/stream')
  @Requires('events:read')
  @Operation({
    id: 'events.stream',
    summary: 'Events as they happen (Server-Sent Events), resumable with Last-Event-ID',
    produces: ['text/event-stream'],
    query: streamQuery,
    problems: ['429 too-many-streams', '503 streams-full'],
  })
  stream(
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.streams.open(query, lastEventId, 'event', response);
  }

  @Get('events/:id')
  @Requires('events:read')
  @Operation({ id: 'events.get', summary: 'One event', answers: EventView, problems: ['404 event-not-found'] })
  get(@Param('id') id: string): Promise<DomainEvent> {
    return this.queries.get(id);
  }

  @Get('sse/events')
  @Requires('events:read')
  @Operation({
    id: 'sse.events.stream',
    summary: 'The stream in its older form: {type, <noun>_id, data, timestamp}',
    produces: ['text/event-stream'],
    query: streamQuery,
    problems: ['429 too-many-streams', '503 streams-full'],
  })
  legacyStream(
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.streams.open(query, lastEventId, 'legacy', response);
  }

  @Get('sse/status')
  @Requires('events:read')
  @Operation({ id: 'sse.status.get', summary: 'How many streams are open', answers: StreamStatusView })
  status(): StreamStatusView {
    return this.streams.status();
  }
}
