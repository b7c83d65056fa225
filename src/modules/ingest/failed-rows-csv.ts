import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { NotFound } from '../../platform/errors/contract-problems.js';
import { SourceGone } from './ingest.errors.js';
import { IngestRepository } from './ingest.repository.js';
import { SourceFiles } from './source-files.js';
import { sourceOptions } from './source-options.js';
import { type OpenedRecord, openSource } from './source/open-source.js';

/**
 * The rows that did not land, with the columns as they came, the row number and the reason: whoever repairs them sends
 * this file again (RFC 4180, UTF-8 with BOM so that spreadsheets read it).
 */
@Injectable()
export class FailedRowsCsv {
  constructor(
    private readonly runs: IngestRepository,
    private readonly files: SourceFiles,
  ) {}

  async open(runId: string): Promise<AsyncIterable<string>> {
    const run = isUUID(runId) ? await this.runs.find(runId) : undefined;
    if (!run) throw new NotFound('ingest_run');
    if (!run.has_file) throw new SourceGone();
    const opened = await openSource(this.files.open(run), sourceOptions(run, undefined));
    if (!opened.ok) throw new SourceGone();
    return this.lines(runId, opened.columns, opened.records);
  }

  private async *lines(
    runId: string,
    columns: readonly string[],
    records: AsyncIterable<OpenedRecord>,
  ): AsyncGenerator<string> {
    yield `\uFEFF${toLine([...columns, 'engawa_row', 'engawa_error'])}`;
    const failed = this.failed(runId);
    let next = await failed.next();
    for await (const { source } of records) {
      if (next.done) return;
      if (source.row !== next.value.row) continue;
      const cells = columns.map((_column, index) => [source.cells[index] ?? ''].flat().join(' ::: '));
      yield toLine([...cells, String(source.row), next.value.reason]);
      next = await failed.next();
    }
  }

  private async *failed(runId: string): AsyncGenerator<{ row: number; reason: string }, undefined> {
    for (let after = 0; ;) {
      const rows = await this.runs.rows(runId, after, 500, ['failed']);
      for (const { row, diagnostics } of rows) {
        yield {
          row,
          reason: diagnostics
            .filter(({ level }) => level === 'error')
            .map(({ message }) => message)
            .join('; '),
        };
      }
      const last = rows.at(-1);
      if (!last || rows.length < 500) return undefined;
      after = last.row;
    }
  }
}

/** One line of RFC 4180; cells that a spreadsheet would run as a formula are disarmed, and our reader undoes it. */
function toLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => {
    const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${quoted.join(',')}\r\n`;
}
