import { Injectable } from '@nestjs/common';
import type { Permission } from '../../contracts/permissions.js';
import { Context } from '../../platform/context/context.js';
import { Forbidden, Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { didYouMean } from '../../platform/errors/nearest-name.js';
import {
  ChoiceField,
  IntegerField,
  JsonField,
  TextField,
  TimestampField,
  UuidField,
} from '../../platform/http/fields.js';
import { holdsAll } from './caller-catalogue.js';
import { type RunKind, RunKinds, type RunView } from './run-kinds.js';
import { Tool } from './tools.decorator.js';

class StartJob {
  @TextField({ description: 'Kind of work. engawa://guide lists the kinds.', min_length: 1, max_length: 64 })
  job_type!: string;

  @JsonField({
    description: 'What the work needs to know; see the kind in engawa://guide.',
    shape: 'object',
    max_bytes: 4_194_304,
    default: {},
  })
  input!: Record<string, unknown>;
}

class GetJob {
  @UuidField({ description: 'As start_job answered it.' })
  job_id!: string;
}

class JobDto {
  @UuidField({ description: 'Id of the work.' })
  job_id!: string;

  @TextField({ description: 'Kind of work.' })
  job_type!: string;

  @ChoiceField(['queued', 'running', 'completed', 'failed', 'cancelled'], { description: 'How far it is.' })
  status!: RunView['status'];

  @IntegerField({ description: 'Units of work done.', is_optional: true })
  done!: number | null;

  @IntegerField({ description: 'Units of work in all, if known.', is_optional: true })
  total!: number | null;

  @TextField({ description: 'What it does, or why it failed.', is_optional: true })
  message!: string | null;

  @JsonField({ description: 'What came of it, once completed.', shape: 'object', is_optional: true })
  result!: object | null;

  @TimestampField({ description: 'When it was started.' })
  created_at!: string;

  @TimestampField({ description: 'When it ended.', is_optional: true })
  finished_at!: string | null;
}

/** Long work of every room behind two names: rooms register their kinds (run-kinds.ts). */
@Injectable()
export class RunsTools {
  constructor(
    private readonly kinds: RunKinds,
    private readonly context: Context,
  ) {}

  @Tool({
    name: 'start_job',
    title: 'Start a long-running job',
    description:
      'Starts work that takes longer than one call, and returns its job_id at once. Read engawa://guide for the kinds of jobs and ' +
      'their input. Then ask get_job until status is completed, failed or cancelled.',
    input: StartJob,
    output: JobDto,
    permissions: ['mcp:call'],
    hints: { is_destructive: false },
  })
  async start({ job_type, input }: StartJob): Promise<JobDto> {
    const kind = this.kinds.find(job_type);
    if (!kind) {
      const known = this.kinds.all().map((one) => one.job_type);
      throw new Invalid([
        { pointer: '/job_type', detail: `"${job_type}" is no kind of job. ${didYouMean(job_type, known)}`.trim() },
      ]);
    }
    this.require(kind.permissions.start);
    return shown(kind, await kind.start(input));
  }

  @Tool({
    name: 'get_job',
    title: 'See how a job is doing',
    description: 'Status, progress and result of a job that start_job or another tool began.',
    input: GetJob,
    output: JobDto,
    permissions: ['mcp:read'],
  })
  async get({ job_id }: GetJob): Promise<JobDto> {
    const { permissions } = this.context.principal();
    for (const kind of this.kinds.all().filter(({ permissions: needed }) => holdsAll(permissions, needed.show))) {
      const view = await kind.show(job_id);
      if (view) return shown(kind, view);
    }
    throw new NotFound('job');
  }

  private require(needed: readonly Permission[]): void {
    if (!holdsAll(this.context.principal().permissions, needed)) {
      throw new Forbidden(`This kind of job needs the permission ${needed.join(' and ')}.`, {
        extensions: { required_permissions: needed },
      });
    }
  }
}

function shown({ job_type }: RunKind, view: RunView): JobDto {
  const { job_id, status, done, total, message, result, created_at, finished_at } = view;
  return { job_id, job_type, status, done, total, message, result, created_at, finished_at };
}
