import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import type { Query as QueryParameters } from '../../platform/http/query-flags.js';
import { DeliveryDto, RecoveredDto, ReplayDeadLetters } from './deliveries.dto.js';
import { RecoveryService } from './recovery.service.js';
import { DEAD_LETTER_LIST } from './webhooks.lists.js';

/** What did not arrive, across webhooks. Its module registers it before the routes with an id. */
@Controller('api/v1/webhooks/dead-letters')
export class DeadLettersController {
  constructor(private readonly recovery: RecoveryService) {}

  @Get()
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.dead_letters.list',
    summary: 'Deliveries that were given up, of all webhooks',
    answers: DeliveryDto,
    list: DEAD_LETTER_LIST,
  })
  list(@Query() query: QueryParameters) {
    return this.recovery.deadLetters(readListQuery(DEAD_LETTER_LIST, query));
  }

  @Post('replay')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.dead_letters.replay_all',
    summary: 'Send dead letters of enabled webhooks again, up to 10,000 a call',
    answers: RecoveredDto,
    status: 202,
  })
  replayAll(@Body() body: ReplayDeadLetters) {
    return this.recovery.replayDeadLetters(body);
  }

  @Post(':id/replay')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.dead_letters.replay',
    summary: 'Send a dead letter again',
    answers: DeliveryDto,
    status: 201,
    problems: ['404 webhook-delivery-not-found', '409 delivery-is-not-dead', '409 webhook-disabled'],
  })
  async replay(@Param('id') id: string, @Res({ passthrough: true }) response: Response) {
    const delivery = await this.recovery.replayDeadLetter(id);
    response.setHeader('location', `/api/v1/webhooks/${delivery.webhook_id}/deliveries/${delivery.id}`);
    return delivery;
  }
}
