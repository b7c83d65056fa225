import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { Invalid } from '../../platform/errors/contract-problems.js';
import { didYouMean } from '../../platform/errors/nearest-name.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import type { Query as QueryParameters } from '../../platform/http/query-flags.js';
import {
  AttemptsDto,
  DeliveryDto,
  DeliveryWithBodyDto,
  RecoveredDto,
  RecoverEvents,
  StatsDto,
  TestWebhook,
} from './deliveries.dto.js';
import { DeliveriesService } from './deliveries.service.js';
import { RecoveryService } from './recovery.service.js';
import { DELIVERY_LIST } from './webhooks.lists.js';

const NOT_FOUND = ['404 webhook-not-found', '404 webhook-delivery-not-found'];
const MAX_HOURS = 168;

/** The deliveries of one webhook over HTTP. */
@Controller('api/v1/webhooks/:id')
export class DeliveriesController {
  constructor(
    private readonly deliveries: DeliveriesService,
    private readonly recovery: RecoveryService,
  ) {}

  @Post('test')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.test',
    summary: 'Send a ping, or the example of a type of event',
    answers: DeliveryDto,
    status: 202,
    problems: ['404 webhook-not-found', '409 webhook-disabled'],
  })
  async test(@Param('id') id: string, @Body() body: TestWebhook, @Res({ passthrough: true }) response: Response) {
    const delivery = await this.deliveries.test(id, body);
    response.setHeader('location', locationOf(delivery));
    return delivery;
  }

  @Get('deliveries')
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.deliveries.list',
    summary: 'Deliveries of a webhook, newest first',
    answers: DeliveryDto,
    list: DELIVERY_LIST,
    problems: ['404 webhook-not-found'],
  })
  list(@Param('id') id: string, @Query() query: QueryParameters) {
    return this.deliveries.list(id, readListQuery(DELIVERY_LIST, query));
  }

  @Get('deliveries/:delivery_id')
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.deliveries.get',
    summary: 'A delivery with the very body that is posted',
    answers: DeliveryWithBodyDto,
    problems: NOT_FOUND,
  })
  get(@Param('id') id: string, @Param('delivery_id') deliveryId: string) {
    return this.deliveries.get(id, deliveryId);
  }

  @Get('deliveries/:delivery_id/attempts')
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.deliveries.attempts.list',
    summary: 'What was tried, and what was answered',
    answers: AttemptsDto,
    problems: NOT_FOUND,
  })
  attempts(@Param('id') id: string, @Param('delivery_id') deliveryId: string) {
    return this.deliveries.attempts(id, deliveryId);
  }

  @Post('deliveries/:delivery_id/replay')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.deliveries.replay',
    summary: 'Send a delivery again under the same webhook-id; a pending one is pulled forward (200)',
    answers: DeliveryDto,
    status: 201,
    problems: [...NOT_FOUND, '409 webhook-disabled'],
  })
  async replay(
    @Param('id') id: string,
    @Param('delivery_id') deliveryId: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { delivery, is_new } = await this.deliveries.replay(id, deliveryId);
    if (is_new) response.setHeader('location', locationOf(delivery));
    else response.status(200);
    return delivery;
  }

  @Post('deliveries/:delivery_id/cancel')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.deliveries.cancel',
    summary: 'Stop a pending delivery',
    answers: DeliveryDto,
    status: 200,
    problems: [...NOT_FOUND, '409 delivery-is-over'],
  })
  cancel(@Param('id') id: string, @Param('delivery_id') deliveryId: string) {
    return this.deliveries.cancel(id, deliveryId);
  }

  @Post('recover')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.recover',
    summary: 'Send events of the log that never arrived, up to 10,000 a call',
    answers: RecoveredDto,
    status: 202,
    problems: ['404 webhook-not-found', '409 webhook-disabled'],
  })
  recover(@Param('id') id: string, @Body() body: RecoverEvents) {
    return this.recovery.recover(id, body);
  }

  @Get('stats')
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.stats.get',
    summary: 'Attempts by the hour',
    answers: StatsDto,
    query: { hours: `How many hours back, 1 to ${MAX_HOURS} (default 24).` },
    problems: ['404 webhook-not-found'],
  })
  stats(@Param('id') id: string, @Query() query: QueryParameters) {
    return this.deliveries.stats(id, readHours(query));
  }
}

function locationOf({ id, webhook_id }: DeliveryDto): string {
  return `/api/v1/webhooks/${webhook_id}/deliveries/${id}`;
}

function readHours({ hours = '24', ...others }: QueryParameters): number {
  const [other] = Object.keys(others);
  if (other !== undefined) {
    const detail = `${other.slice(0, 64)} is no parameter here. ${didYouMean(other, ['hours'])}`.trim();
    throw new Invalid([{ pointer: `?${other.slice(0, 100)}`, detail }]);
  }
  const number = typeof hours === 'string' && /^\d{1,3}$/.test(hours) ? Number(hours) : 0;
  if (number >= 1 && number <= MAX_HOURS) return number;
  throw new Invalid([{ pointer: '?hours', detail: `hours must be a whole number from 1 to ${MAX_HOURS}.` }]);
}
