import { Injectable, type OnModuleInit } from '@nestjs/common';
import { NotFound } from '../../platform/errors/contract-problems.js';
import { readDto } from '../../platform/http/read-dto.js';
import { RunKinds, type RunView, Tool, type ToolCall } from '../mcp/index.js';
import { IngestPayload, IngestResult } from './ingest.dto.js';
import { IngestService } from './ingest.service.js';

const STATUSES = {
  pending: 'queued',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const;

/** Bringing data in over MCP. */
@Injectable()
export class IngestTools implements OnModuleInit {
  constructor(
    private readonly ingest: IngestService,
    private readonly kinds: RunKinds,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      job_type: 'ingest',
      description: 'Brings in data; input: source, payload, format?, entity?, mapping?, dry_run?, options?.',
      permissions: { start: ['ingest:write'], show: ['ingest:read'] },
      start: async (input) => toView(await this.ingest.start(readDto(IngestPayload, input, '/input'))),
      show: async (id) => {
        try {
          return toView(await this.ingest.get(id));
        } catch (error) {
          if (error instanceof NotFound) return null;
          throw error;
        }
      },
    });
  }

  @Tool({
    name: 'ingest',
    title: 'Bring in data',
    description:
      'Turns the text of a CSV, vCard or JSON export into contacts or companies: columns are recognised, values brought to ' +
      'normal form, rows matched with what is there (the same data twice changes nothing), and every row that does not land is ' +
      'reported with its line and reason. Try it with dry_run first. Above 1,000 records it answers while the run goes on: ' +
      'follow it with get_job(run_id). For one person use create_contact.',
    input: IngestPayload,
    output: IngestResult,
    permissions: ['ingest:write'],
    hints: { is_destructive: false, is_idempotent: true },
    has_own_idempotency: true,
  })
  async take(input: IngestPayload, call: ToolCall): Promise<IngestResult> {
    const { run } = await this.ingest.take(input, call.idempotency_key);
    return run;
  }
}

function toView(run: IngestResult): RunView {
  const { record_count, created, updated, unchanged, skipped, errors } = run;
  return {
    job_id: run.id,
    status: STATUSES[run.status as keyof typeof STATUSES],
    done: run.position,
    total: run.finished_at === null ? null : run.position,
    message: run.failure,
    result:
      run.finished_at === null ? null : { run_id: run.id, record_count, created, updated, unchanged, skipped, errors },
    created_at: run.created_at,
    finished_at: run.finished_at,
  };
}
