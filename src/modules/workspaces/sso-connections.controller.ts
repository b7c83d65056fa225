import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import type { Query as QueryParameters } from '../../platform/http/query-flags.js';
import {
  CreateSsoConnection,
  SsoConnectionDto,
  TestSsoConnection,
  TokenTestDto,
  UpdateSsoConnection,
} from './dto/sso-connection.dto.js';
import { SsoConnectionsService } from './sso-connections.service.js';
import { SSO_CONNECTION_LIST } from './workspaces.lists.js';

/** Identity providers over HTTP. */
@Controller('api/v1/workspace/sso-connections')
export class SsoConnectionsController {
  constructor(private readonly connections: SsoConnectionsService) {}

  @Get()
  @Requires('sso:read')
  @Operation({
    id: 'sso_connections.list',
    summary: 'List identity providers',
    answers: SsoConnectionDto,
    list: SSO_CONNECTION_LIST,
  })
  list(@Query() query: QueryParameters) {
    return this.connections.list(readListQuery(SSO_CONNECTION_LIST, query));
  }

  @Post()
  @Requires('sso:write')
  @Operation({
    id: 'sso_connections.create',
    summary: 'Accept the tokens of an identity provider',
    answers: SsoConnectionDto,
    problems: ['409 audience-taken'],
  })
  async create(@Body() body: CreateSsoConnection, @Res({ passthrough: true }) response: Response) {
    const connection = await this.connections.create(body);
    response.setHeader('location', `/api/v1/workspace/sso-connections/${connection.id}`);
    return connection;
  }

  @Get(':id')
  @Requires('sso:read')
  @Operation({
    id: 'sso_connections.get',
    summary: 'Read an identity provider',
    answers: SsoConnectionDto,
    problems: ['404 sso-connection-not-found'],
  })
  get(@Param('id') id: string) {
    return this.connections.get(id);
  }

  @Patch(':id')
  @Requires('sso:write')
  @Operation({
    id: 'sso_connections.update',
    summary: 'Change an identity provider',
    answers: SsoConnectionDto,
    problems: ['404 sso-connection-not-found', '409 audience-taken'],
  })
  update(@Param('id') id: string, @Body() body: UpdateSsoConnection) {
    return this.connections.update(id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('sso:write')
  @Operation({
    id: 'sso_connections.delete',
    summary: 'Accept the tokens of an identity provider no more',
    status: 204,
    problems: ['404 sso-connection-not-found'],
  })
  async delete(@Param('id') id: string): Promise<void> {
    await this.connections.delete(id);
  }

  @Post(':id/test')
  @Requires('sso:write')
  @Operation({
    id: 'sso_connections.test',
    summary: 'Explain step by step whether a token would be accepted',
    answers: TokenTestDto,
    status: 200,
    problems: ['404 sso-connection-not-found'],
    is_not_idempotent: true,
  })
  test(@Param('id') id: string, @Body() { token }: TestSsoConnection) {
    return this.connections.test(id, token);
  }
}
