import { pipeline } from 'node:stream/promises';
import { Body, Controller, Get, Headers, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { IngestConfig } from '../../../config/app-config.js';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { Invalid } from '../../platform/errors/contract-problems.js';
import { readListQuery, type Page, writeCursor } from '../../platform/http/listing.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import { readDto } from '../../platform/http/read-dto.js';
import { parseJsonPart } from '../../platform/http/request-body.js';
import {
  IngestPayload,
  IngestPreview,
  IngestResult,
  IngestRowDto,
  IngestRunDto,
  IngestSettings,
} from './ingest.dto.js';
import { ROW_LIST, RUN_LIST } from './ingest.list.js';
import { type IngestAnswer, IngestService, type RowOutcome } from './ingest.service.js';
import { openUpload } from './source-files.js';
import { FailedRowsCsv } from './failed-rows-csv.js';

/** Names of the query parameters of an upload. */
const UPLOAD_QUERY = {
  source: 'Where the data comes from, in your words.',
  format: 'Format of the data. Default: found out.',
  entity: 'contact or company. Default: the columns tell.',
  dry_run: 'true does everything but write.',
  again: 'true runs the same file once more within 24 hours.',
  mapping: 'Source column -> target field, as JSON.',
  options: 'The options of POST /ingest, as JSON.',
};

@Controller('api/v1/ingest')
export class IngestController {
  constructor(
    private readonly ingest: IngestService,
    private readonly failedRows: FailedRowsCsv,
    private readonly config: IngestConfig,
  ) {}

  @Post()
  @Requires('ingest:write')
  @Operation({
    id: 'ingest.take',
    summary: 'Bring in data of a request body; up to 1,000 records are done when the answer comes',
    answers: IngestResult,
    status: 200,
    is_not_idempotent: true,
    problems: ['422 unreadable-payload'],
  })
  async take(
    @Body() body: IngestPayload,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<IngestResult> {
    return answer(await this.ingest.take(body, key), response);
  }

  @Post('files')
  @Requires('ingest:write')
  @Operation({
    id: 'ingest.upload',
    summary: 'Bring in a file, streamed: the raw bytes, or one multipart part "file"',
    answers: IngestResult,
    status: 202,
    is_not_idempotent: true,
    consumes: [
      'text/csv',
      'text/vcard',
      'application/json',
      'application/x-ndjson',
      'multipart/form-data',
      'application/octet-stream',
    ],
    query: UPLOAD_QUERY,
    problems: ['422 unreadable-payload', '413 too-large'],
  })
  async upload(
    @Query() query: Readonly<Record<string, string>>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<IngestResult> {
    const { again, ...named } = query;
    const settings = readDto(IngestSettings, {
      ...named,
      source: named['source'] ?? 'upload',
      ...(named['mapping'] !== undefined && { mapping: parseJsonPart(named['mapping'], '?mapping') }),
      ...(named['dry_run'] !== undefined && { dry_run: flag('dry_run', named['dry_run']) }),
      ...(named['options'] !== undefined && { options: parseJsonPart(named['options'], '?options') }),
    });
    const upload = await openUpload(request, this.config.max_file_bytes);
    const is_again = again !== undefined && flag('again', again);
    return answer(await this.ingest.takeUpload(settings, upload, { is_again }), response);
  }

  @Post('preview')
  @Requires('ingest:read')
  @Operation({
    id: 'ingest.preview',
    summary: 'The first 50 records as they would land; writes nothing',
    answers: IngestPreview,
    status: 200,
    problems: ['422 unreadable-payload'],
  })
  preview(@Body() body: IngestPayload): Promise<IngestPreview> {
    return this.ingest.preview(body);
  }

  @Get('runs')
  @Requires('ingest:read')
  @Operation({ id: 'ingest_runs.list', summary: 'Runs, newest first', answers: IngestRunDto, list: RUN_LIST })
  list(@Query() query: Readonly<Record<string, unknown>>): Promise<Page<IngestRunDto>> {
    return this.ingest.list(readListQuery(RUN_LIST, query));
  }

  @Get('runs/:id')
  @Requires('ingest:read')
  @Operation({
    id: 'ingest_runs.get',
    summary: 'A run with its result so far',
    answers: IngestResult,
    problems: ['404 ingest-run-not-found'],
  })
  get(@Param('id') id: string): Promise<IngestResult> {
    return this.ingest.get(id);
  }

  @Get('runs/:id/rows')
  @Requires('ingest:read')
  @Operation({
    id: 'ingest_runs.rows.list',
    summary: 'What became of each row',
    answers: IngestRowDto,
    list: ROW_LIST,
    problems: ['404 ingest-run-not-found'],
  })
  async rows(@Param('id') id: string, @Query() query: Readonly<Record<string, unknown>>): Promise<Page<IngestRowDto>> {
    const { cursor, ...rest } = query;
    const request = readListQuery(ROW_LIST, rest);
    const after = cursor === undefined ? 0 : readRowCursor(cursor, request.digest);
    const rows = await this.ingest.rows(id, after, request.limit + 1, outcomesOf(request.filters));
    const page = rows.slice(0, request.limit);
    const last = page.at(-1);
    return {
      items: page,
      next_cursor: rows.length > request.limit && last ? writeCursor(request, [String(last.row)]) : null,
    };
  }

  @Get('runs/:id/rows.csv')
  @Requires('ingest:read')
  @Operation({
    id: 'ingest_runs.rows.find',
    summary: 'Failed rows with their original columns: repair them and send them again',
    produces: ['text/csv'],
    problems: ['404 ingest-run-not-found', '410 source-gone'],
  })
  async rowsCsv(@Param('id') id: string, @Res() response: Response): Promise<void> {
    const lines = await this.failedRows.open(id);
    response.setHeader('content-type', 'text/csv; charset=utf-8');
    response.setHeader('content-disposition', `attachment; filename="failed-rows-${id}.csv"`);
    // Whoever goes away in the middle closes the source as well.
    await pipeline(lines, response).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  }

  @Post('runs/:id/cancel')
  @Requires('ingest:write')
  @Operation({
    id: 'ingest_runs.cancel',
    summary: 'Stop a run behind the batch under way',
    answers: IngestResult,
    status: 200,
    problems: ['404 ingest-run-not-found', '409 run-is-over'],
  })
  cancel(@Param('id') id: string): Promise<IngestResult> {
    return this.ingest.cancel(id);
  }
}

function answer({ run, is_over, is_repeat }: IngestAnswer, response: Response): IngestResult {
  response.status(is_over || is_repeat ? 200 : 202);
  response.setHeader('location', `/api/v1/ingest/runs/${run.id}`);
  return run;
}

function flag(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new Invalid([{ pointer: `?${name}`, detail: `${name} must be true or false.` }]);
}

function readRowCursor(cursor: unknown, digest: string): number {
  try {
    const [bound, row] = JSON.parse(Buffer.from(String(cursor), 'base64url').toString('utf8')) as unknown[];
    if (bound === digest && /^\d{1,9}$/.test(String(row))) return Number(row);
  } catch {
    // Falls through to the same answer as any other broken cursor.
  }
  throw new Invalid([{ pointer: '?cursor', detail: 'This cursor belongs to no page of this list.' }]);
}

function outcomesOf(filters: ReturnType<typeof readListQuery>['filters']): RowOutcome[] | null {
  const chosen = filters.flatMap(({ operator, value }) =>
    operator === 'eq' || operator === 'in' ? ([value].flat() as RowOutcome[]) : [],
  );
  return chosen.length > 0 ? chosen : null;
}
