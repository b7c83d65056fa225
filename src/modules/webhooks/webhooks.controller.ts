import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import type { Query as QueryParameters } from '../../platform/http/query-flags.js';
import { WebhookSecretsService } from './webhook-secrets.service.js';
import {
  CreatedSecretDto,
  CreatedWebhookDto,
  CreateWebhook,
  PublicKeysDto,
  RotateSecret,
  UpdateWebhook,
  WebhookDto,
} from './webhooks.dto.js';
import { WEBHOOK_LIST } from './webhooks.lists.js';
import { WebhooksService } from './webhooks.service.js';

/** Endpoints over HTTP. */
@Controller('api/v1/webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly secrets: WebhookSecretsService,
  ) {}

  @Get()
  @Requires('webhooks:read')
  @Operation({ id: 'webhooks.list', summary: 'List webhooks', answers: WebhookDto, list: WEBHOOK_LIST })
  list(@Query() query: QueryParameters) {
    return this.webhooks.list(readListQuery(WEBHOOK_LIST, query));
  }

  @Post()
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.create',
    summary: 'Register a webhook; the answer shows its secret, this once',
    answers: CreatedWebhookDto,
    problems: ['409 too-many-webhooks'],
  })
  async create(@Body() body: CreateWebhook, @Res({ passthrough: true }) response: Response) {
    const webhook = await this.webhooks.create(body);
    response.setHeader('location', `/api/v1/webhooks/${webhook.id}`);
    return webhook;
  }

  @Get(':id')
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.get',
    summary: 'Read a webhook',
    answers: WebhookDto,
    problems: ['404 webhook-not-found'],
  })
  get(@Param('id') id: string) {
    return this.webhooks.get(id);
  }

  @Patch(':id')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.update',
    summary: 'Change a webhook; is_active true enables it again and clears its health',
    answers: WebhookDto,
    problems: ['404 webhook-not-found'],
  })
  update(@Param('id') id: string, @Body() body: UpdateWebhook) {
    return this.webhooks.update(id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.delete',
    summary: 'Remove a webhook; what waits for it is cancelled',
    status: 204,
    problems: ['404 webhook-not-found'],
  })
  async delete(@Param('id') id: string): Promise<void> {
    await this.webhooks.delete(id);
  }

  @Post(':id/secrets')
  @Requires('webhooks:write')
  @Operation({
    id: 'webhooks.rotate_secret',
    summary: 'Give a new secret; the old ones stay valid for a grace time',
    answers: CreatedSecretDto,
    status: 201,
    problems: ['404 webhook-not-found', '409 too-many-secrets'],
  })
  rotate(@Param('id') id: string, @Body() body: RotateSecret) {
    return this.secrets.rotate(id, body);
  }

  @Get(':id/public-key')
  @Requires('webhooks:read')
  @Operation({
    id: 'webhooks.public_key.get',
    summary: 'The public keys that verify Ed25519 signatures',
    answers: PublicKeysDto,
    problems: ['404 webhook-not-found'],
  })
  publicKeys(@Param('id') id: string) {
    return this.secrets.publicKeys(id);
  }
}
