import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { Context } from '../../platform/context/context.js';
import { readListQuery } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import { type Query as QueryParameters, readFlags } from '../../platform/http/query-flags.js';
import { CompaniesService } from './companies.service.js';
import { COMPANY_LIST } from './contacts.list.js';
import { CompanyDto, CreateCompany, UpdateCompany, UpsertCompany } from './dto/company.dto.js';
import { BatchDto } from './dto/batch.dto.js';
import { BATCH_PARAMETERS, batchAnswer, readBatchChoices, readRows } from './read-batch.js';

/** Companies over HTTP. */
@Controller('api/v1/companies')
export class CompaniesController {
  constructor(
    private readonly companies: CompaniesService,
    private readonly context: Context,
  ) {}

  @Get()
  @Requires('companies:read')
  @Operation({ id: 'companies.list', summary: 'List companies', answers: CompanyDto, list: COMPANY_LIST })
  list(@Query() query: QueryParameters) {
    return this.companies.list(readListQuery(COMPANY_LIST, query));
  }

  @Post()
  @Requires('companies:write')
  @Operation({
    id: 'companies.create',
    summary: 'Create a company',
    answers: CompanyDto,
    problems: ['409 external-id-taken'],
  })
  async create(@Body() body: CreateCompany, @Res({ passthrough: true }) response: Response) {
    const company = await this.companies.create(body);
    response.setHeader('location', `/api/v1/companies/${company.id}`);
    return company;
  }

  @Post('batch')
  @Requires('companies:write')
  @Operation({
    id: 'companies.batch',
    summary: 'Create or change up to 1,000 companies',
    rows: UpsertCompany,
    answers: BatchDto,
    status: 200,
    problems: ['422 batch-failed'],
    query: BATCH_PARAMETERS,
  })
  async batch(@Body() body: unknown, @Query() query: QueryParameters) {
    const choices = readBatchChoices(query);
    const outcomes = await this.companies.batch(readRows(body), choices);
    return batchAnswer(outcomes, this.context.current().request_id);
  }

  @Get(':id')
  @Requires('companies:read')
  @Operation({
    id: 'companies.get',
    summary: 'Read a company',
    answers: CompanyDto,
    problems: ['404 company-not-found'],
    query: { include_deleted: 'true shows a deleted company as well.' },
  })
  get(@Param('id') id: string, @Query() query: QueryParameters) {
    return this.companies.get(id, readFlags(query, ['include_deleted']));
  }

  @Patch(':id')
  @Requires('companies:write')
  @Operation({
    id: 'companies.update',
    summary: 'Change a company',
    answers: CompanyDto,
    problems: ['404 company-not-found', '409 external-id-taken'],
  })
  update(@Param('id') id: string, @Body() body: UpdateCompany) {
    return this.companies.update(id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('companies:write')
  @Operation({
    id: 'companies.delete',
    summary: 'Delete a company',
    status: 204,
    problems: ['404 company-not-found'],
    query: { hard: 'true deletes for good, which needs companies:delete.' },
  })
  async delete(@Param('id') id: string, @Query() query: QueryParameters): Promise<void> {
    const { hard } = readFlags(query, ['hard']);
    await this.companies.delete(id, { is_hard: hard });
  }

  @Post(':id/restore')
  @Requires('companies:write')
  @Operation({
    id: 'companies.restore',
    summary: 'Bring a deleted company back',
    answers: CompanyDto,
    status: 200,
    problems: ['404 company-not-found', '409 record-is-merged'],
  })
  restore(@Param('id') id: string) {
    return this.companies.restore(id);
  }
}
