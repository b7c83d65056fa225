import { randomUUID } from 'node:crypto';
import { Injectable, Module } from '@nestjs/common';
import {
  ListArguments,
  Prompt,
  Resource,
  RunKinds,
  type RunView,
  Tool,
  ToolAnswer,
  type ToolCall,
} from '../../src/modules/mcp/index.js';
import { Context } from '../../src/platform/context/context.js';
import { Database } from '../../src/platform/database/database.js';
import { NotFound } from '../../src/platform/errors/contract-problems.js';
import { IntegerField, ObjectField, TextField } from '../../src/platform/http/fields.js';

class Echo {
  @TextField({ description: 'What to say.', max_length: 1_000_000 })
  text!: string;
}

class Echoed {
  @TextField({ description: 'What was said.', max_length: 1_000_000 })
  text!: string;

  @TextField({ description: 'The way in.' })
  via!: string;

  @TextField({ description: 'The caller.' })
  name!: string;
}

class Nested {
  @ObjectField(() => Echo, { description: 'Something inside.' })
  inner!: Echo;
}

class Steps {
  @IntegerField({ description: 'How many steps.', min: 1, max: 1_000 })
  steps!: number;
}

class Rows extends ListArguments {
  @IntegerField({ description: 'Size of a row, in characters.', min: 1, max: 1_000_000, default: 10 })
  size!: number;
}

class Row {
  @IntegerField({ description: 'Its number.' })
  number!: number;

  @TextField({ description: 'Its text.', max_length: 1_000_000 })
  text!: string;
}

const ROWS = 60;

/** Tools that do what no room of the product does on purpose. */
@Injectable()
export class FixtureTools {
  /** How often `count_up` ran. */
  runs = 0;
  /** Settles when a call of `wait_forever` saw its signal. */
  cancelled: Promise<unknown> = Promise.resolve();
  private runsOfKind = new Map<string, string>();

  constructor(
    private readonly context: Context,
    private readonly database: Database,
    kinds: RunKinds,
  ) {
    kinds.register({
      job_type: 'fixture',
      description: 'Does nothing; input has no members.',
      permissions: { start: ['contacts:write'], show: ['contacts:read'] },
      start: async () => {
        const job_id = randomUUID();
        this.runsOfKind.set(job_id, this.context.workspaceId());
        return view(job_id);
      },
      show: async (job_id) => (this.runsOfKind.get(job_id) === this.context.workspaceId() ? view(job_id) : null),
    });
  }

  @Tool({
    name: 'echo_text',
    title: 'Echo',
    description: 'Says the same again.',
    input: Echo,
    output: Echoed,
    permissions: ['contacts:read'],
  })
  echo({ text }: Echo): Echoed {
    const { via, principal } = this.context.current();
    return { text, via, name: principal?.name ?? '' };
  }

  @Tool({
    name: 'echo_nested',
    title: 'Echo of something nested',
    description: 'Says the same again.',
    input: Nested,
    output: Nested,
    permissions: ['contacts:read'],
  })
  nested(input: Nested): Nested {
    return input;
  }

  @Tool({
    name: 'count_up',
    title: 'Count',
    description: 'Counts its runs.',
    input: Echo,
    output: Echoed,
    permissions: ['contacts:write'],
    hints: { is_destructive: false },
  })
  async count({ text }: Echo): Promise<Echoed> {
    await this.database.transaction(() => this.database.query('select pg_sleep(0.05)'));
    return { text: `${text} ${++this.runs}`, via: 'mcp', name: 'counter' };
  }

  @Tool({
    name: 'list_rows',
    title: 'Rows',
    description: 'Sixty rows of a size of your choice.',
    input: Rows,
    output: Row,
    is_list: true,
    permissions: ['contacts:read'],
  })
  rows({ limit, cursor, size }: Rows): { items: Row[]; next_cursor: string | null } {
    const from = Number(cursor ?? 0);
    const items = Array.from({ length: Math.min(limit, ROWS - from) }, (_, index) => ({
      number: from + index,
      text: 'x'.repeat(size),
    }));
    const next = from + items.length;
    return { items, next_cursor: next < ROWS ? String(next) : null };
  }

  @Tool({
    name: 'report_steps',
    title: 'Steps',
    description: 'Reports each step.',
    input: Steps,
    permissions: ['contacts:read'],
  })
  steps({ steps }: Steps, call: ToolCall): ToolAnswer {
    for (let step = 1; step <= steps; step++) call.progress(step, steps, `step ${step}`);
    return new ToolAnswer(null, [{ type: 'text', text: 'stepped' }]);
  }

  @Tool({
    name: 'wait_forever',
    title: 'Wait',
    description: 'Ends only when it is cancelled.',
    input: Steps,
    permissions: ['contacts:read'],
  })
  async wait(_input: Steps, call: ToolCall): Promise<never> {
    this.cancelled = new Promise((resolve) => call.signal.addEventListener('abort', () => resolve(call.signal.reason)));
    call.progress(1);
    return new Promise(() => undefined);
  }

  @Tool({
    name: 'fail_badly',
    title: 'Fail',
    description: 'Has a bug.',
    input: { type: 'object', properties: { depth: { type: 'integer', minimum: 0 } }, required: ['depth'] },
    permissions: ['contacts:read'],
  })
  fail(): never {
    throw new TypeError('a secret detail of the inside');
  }

  @Resource({
    uri: 'test://record/{id}',
    name: 'test_record',
    title: 'A record',
    description: 'Known by the id 1.',
    permissions: ['contacts:read'],
  })
  record({ id = '' }: Readonly<Record<string, string>>): object {
    if (id !== '1') throw new NotFound('record');
    return { id, name: 'one' };
  }

  @Prompt({
    name: 'greet_somebody',
    title: 'Greet',
    description: 'A greeting.',
    input: Echo,
    permissions: ['contacts:read'],
  })
  greet({ text }: Echo): string {
    return `Greet ${text}.`;
  }
}

function view(job_id: string): RunView {
  return {
    job_id,
    status: 'completed',
    done: 1,
    total: 1,
    message: null,
    result: { is_done: true },
    created_at: '2026-01-31T09:30:00.000Z',
    finished_at: '2026-01-31T09:30:01.000Z',
  };
}

@Module({ providers: [FixtureTools] })
export class McpFixtures {}
