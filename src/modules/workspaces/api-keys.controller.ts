import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import type { Query as QueryParameters } from '../../platform/http/query-flags.js';
import { ApiKeysService } from './api-keys.service.js';
import { ApiKeyDto, CreateApiKey, IssuedApiKey, RotateApiKey, UpdateApiKey } from './dto/api-key.dto.js';
import { API_KEY_LIST } from './workspaces.lists.js';

/** API keys over HTTP. */
@Controller('api/v1/workspace/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @Requires('keys:read')
  @Operation({ id: 'api_keys.list', summary: 'List API keys', answers: ApiKeyDto, list: API_KEY_LIST })
  list(@Query() query: QueryParameters) {
    return this.keys.list(readListQuery(API_KEY_LIST, query));
  }

  @Post()
  @Requires('keys:write')
  @Operation({ id: 'api_keys.create', summary: 'Create an API key, shown once', answers: IssuedApiKey })
  async create(@Body() body: CreateApiKey, @Res({ passthrough: true }) response: Response) {
    return located(await this.keys.create(body), response);
  }

  @Get(':id')
  @Requires('keys:read')
  @Operation({
    id: 'api_keys.get',
    summary: 'Read an API key',
    answers: ApiKeyDto,
    problems: ['404 api-key-not-found'],
  })
  get(@Param('id') id: string) {
    return this.keys.get(id);
  }

  @Patch(':id')
  @Requires('keys:write')
  @Operation({
    id: 'api_keys.update',
    summary: 'Change an API key',
    answers: ApiKeyDto,
    problems: ['404 api-key-not-found', '409 key-ended'],
  })
  update(@Param('id') id: string, @Body() body: UpdateApiKey) {
    return this.keys.update(id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('keys:write')
  @Operation({
    id: 'api_keys.revoke',
    summary: 'Revoke an API key at once',
    status: 204,
    problems: ['404 api-key-not-found'],
  })
  async revoke(@Param('id') id: string): Promise<void> {
    await this.keys.revoke(id);
  }

  @Post(':id/rotate')
  @Requires('keys:write')
  @Operation({
    id: 'api_keys.rotate',
    summary: 'Issue a successor; the old key ends after a grace time',
    answers: IssuedApiKey,
    problems: ['404 api-key-not-found', '409 key-ended'],
  })
  async rotate(@Param('id') id: string, @Body() body: RotateApiKey, @Res({ passthrough: true }) response: Response) {
    return located(await this.keys.rotate(id, body), response);
  }
}

function located(key: IssuedApiKey, response: Response): IssuedApiKey {
  response.setHeader('location', `/api/v1/workspace/api-keys/${key.id}`);
  return key;
}
