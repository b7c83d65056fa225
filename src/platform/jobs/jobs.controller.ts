import { Body, Controller, Delete, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Requires } from '../auth/requires.decorator.js';
import { type Page, readListQuery } from '../http/listing.js';
import { Operation } from '../http/operation.decorator.js';
import { JobAdministration } from './job-administration.js';
import { JOB_LIST, JobDto, JobSummaryDto, RetriedJobsDto, RetryJobsDto } from './jobs.dto.js';

@Controller('/api/v1/jobs')
export class JobsController {
  constructor(private readonly jobs: JobAdministration) {}

  @Get()
  @Requires('workspace:admin')
  @Operation({ id: 'jobs.list', summary: 'Jobs that are not finished, oldest first', answers: JobDto, list: JOB_LIST })
  list(@Query() query: Record<string, unknown>): Promise<Page<JobDto>> {
    return this.jobs.list(readListQuery(JOB_LIST, query));
  }

  @Get('/summary')
  @Requires('workspace:admin')
  @Operation({ id: 'job_summary.get', summary: 'How many jobs of each kind stand where', answers: JobSummaryDto })
  async summary(): Promise<JobSummaryDto> {
    return { items: await this.jobs.summary() };
  }

  @Post('/retry')
  @Requires('workspace:admin')
  @Operation({ id: 'jobs.retry_all', summary: 'Run failed jobs again', status: 200, answers: RetriedJobsDto })
  retryAll(@Body() body: RetryJobsDto): Promise<RetriedJobsDto> {
    return this.jobs.retryAll(body);
  }

  @Get('/:id')
  @Requires('workspace:admin')
  @Operation({ id: 'jobs.get', summary: 'One job', answers: JobDto, problems: ['404 job-not-found'] })
  get(@Param('id') id: string): Promise<JobDto> {
    return this.jobs.get(id);
  }

  @Post('/:id/retry')
  @Requires('workspace:admin')
  @Operation({
    id: 'jobs.retry',
    summary: 'Run a parked or waiting job now',
    status: 200,
    answers: JobDto,
    problems: ['404 job-not-found', '409 job-is-running'],
  })
  retry(@Param('id') id: string): Promise<JobDto> {
    return this.jobs.retry(id);
  }

  @Delete('/:id')
  @Requires('workspace:admin')
  @Operation({
    id: 'jobs.delete',
    summary: 'Remove a job; one under way is told to stop (202)',
    status: 204,
    problems: ['404 job-not-found', '412 precondition-failed'],
  })
  async delete(@Param('id') id: string, @Res({ passthrough: true }) response: Response): Promise<void> {
    if (await this.jobs.delete(id)) return;
    response.status(202).location(`/api/v1/jobs/${id}`);
  }
}
