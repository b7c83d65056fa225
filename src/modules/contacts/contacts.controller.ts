import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { Context } from '../../platform/context/context.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import { type Query as QueryParameters, readFlags } from '../../platform/http/query-flags.js';
import { CONTACT_LIST } from './contacts.list.js';
import { ContactsService } from './contacts.service.js';
import { AddChannel, ContactDto, CreateContact, UpdateContact } from './dto/contact.dto.js';
import { BatchDto } from './dto/batch.dto.js';
import { BATCH_PARAMETERS, batchAnswer, readBatchChoices, readRows } from './read-batch.js';

/** People over HTTP. */
@Controller('api/v1/contacts')
export class ContactsController {
  constructor(
    private readonly contacts: ContactsService,
    private readonly context: Context,
  ) {}

  @Get()
  @Requires('contacts:read')
  @Operation({ id: 'contacts.list', summary: 'List contacts', answers: ContactDto, list: CONTACT_LIST })
  async list(@Query() query: QueryParameters) {
    return this.contacts.list(await this.contacts.readList(query));
  }

  @Post()
  @Requires('contacts:write')
  @Operation({
    id: 'contacts.create',
    summary: 'Create a contact',
    answers: ContactDto,
    problems: ['409 external-id-taken'],
  })
  async create(@Body() body: CreateContact, @Res({ passthrough: true }) response: Response) {
    const contact = await this.contacts.create(body);
    response.setHeader('location', `/api/v1/contacts/${contact.id}`);
    return contact;
  }

  @Post('batch')
  @Requires('contacts:write')
  @Operation({
    id: 'contacts.batch',
    summary: 'Create or change up to 1,000 contacts',
    rows: CreateContact,
    answers: BatchDto,
    status: 200,
    problems: ['422 batch-failed'],
    query: BATCH_PARAMETERS,
  })
  async batch(@Body() body: unknown, @Query() query: QueryParameters) {
    const choices = readBatchChoices(query);
    const outcomes = await this.contacts.batch(readRows(body), choices);
    return batchAnswer(outcomes, this.context.current().request_id);
  }

  @Get(':id')
  @Requires('contacts:read')
  @Operation({
    id: 'contacts.get',
    summary: 'Read a contact',
    answers: ContactDto,
    problems: ['404 contact-not-found'],
    query: { include_deleted: 'true shows a deleted contact as well.' },
  })
  get(@Param('id') id: string, @Query() query: QueryParameters) {
    return this.contacts.get(id, readFlags(query, ['include_deleted']));
  }

  @Patch(':id')
  @Requires('contacts:write')
  @Operation({
    id: 'contacts.update',
    summary: 'Change a contact',
    answers: ContactDto,
    problems: ['404 contact-not-found', '409 external-id-taken'],
  })
  update(@Param('id') id: string, @Body() body: UpdateContact) {
    return this.contacts.update(id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('contacts:write')
  @Operation({
    id: 'contacts.delete',
    summary: 'Delete a contact',
    status: 204,
    problems: ['404 contact-not-found'],
    query: { hard: 'true deletes for good, which needs contacts:delete.' },
  })
  async delete(@Param('id') id: string, @Query() query: QueryParameters): Promise<void> {
    const { hard } = readFlags(query, ['hard']);
    await this.contacts.delete(id, { is_hard: hard });
  }

  @Post(':id/restore')
  @Requires('contacts:write')
  @Operation({
    id: 'contacts.restore',
    summary: 'Bring a deleted contact back',
    answers: ContactDto,
    status: 200,
    problems: ['404 contact-not-found', '409 record-is-merged'],
  })
  restore(@Param('id') id: string) {
    return this.contacts.restore(id);
  }

  @Post(':id/channels')
  @Requires('contacts:write')
  @Operation({
    id: 'contacts.add_channel',
    summary: 'Add an address to a contact',
    answers: ContactDto,
    status: 201,
    problems: ['404 contact-not-found'],
  })
  addChannel(@Param('id') id: string, @Body() body: AddChannel) {
    return this.contacts.addChannel(id, body);
  }
}
