import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import type { Query as QueryParameters } from '../../platform/http/query-flags.js';
import { AddMember, MemberDto, UpdateMember } from './dto/member.dto.js';
import { MembersService } from './members.service.js';
import { MEMBER_LIST } from './workspaces.lists.js';

/** Members over HTTP. */
@Controller('api/v1/workspace/members')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @Get()
  @Requires('members:read')
  @Operation({ id: 'members.list', summary: 'List members', answers: MemberDto, list: MEMBER_LIST })
  list(@Query() query: QueryParameters) {
    return this.members.list(readListQuery(MEMBER_LIST, query));
  }

  @Post()
  @Requires('members:write')
  @Operation({
    id: 'members.add',
    summary: 'Add a person by e-mail',
    answers: MemberDto,
    problems: ['409 member-exists'],
  })
  async add(@Body() body: AddMember, @Res({ passthrough: true }) response: Response) {
    const member = await this.members.add(body);
    response.setHeader('location', `/api/v1/workspace/members/${member.id}`);
    return member;
  }

  @Get(':user_id')
  @Requires('members:read')
  @Operation({ id: 'members.get', summary: 'Read a member', answers: MemberDto, problems: ['404 member-not-found'] })
  get(@Param('user_id') userId: string) {
    return this.members.get(userId);
  }

  @Patch(':user_id')
  @Requires('members:write')
  @Operation({
    id: 'members.update',
    summary: 'Give a member another role',
    answers: MemberDto,
    problems: ['404 member-not-found', '409 last-owner'],
  })
  update(@Param('user_id') userId: string, @Body() body: UpdateMember) {
    return this.members.update(userId, body);
  }

  @Delete(':user_id')
  @HttpCode(204)
  @Requires('members:write')
  @Operation({
    id: 'members.remove',
    summary: 'Remove a member, and end the keys that act for them',
    status: 204,
    problems: ['404 member-not-found', '409 last-owner'],
  })
  async remove(@Param('user_id') userId: string): Promise<void> {
    await this.members.remove(userId);
  }
}
