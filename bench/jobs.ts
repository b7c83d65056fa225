import { randomUUID } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import type { Pool } from 'pg';
import { Context } from '../src/platform/context/context.js';
import { systemPrincipal } from '../src/platform/context/principal.js';
import { Database } from '../src/platform/database/database.js';
import { SystemDatabase } from '../src/platform/database/system-database.js';
import { JobClaimsRepository } from '../src/platform/jobs/job-claims.repository.js';
import { JobHandlers } from '../src/platform/jobs/job-handlers.js';
import { Jobs } from '../src/platform/jobs/jobs.js';
import { Workers } from '../src/platform/jobs/workers.js';
import { type Figure, percentile } from './figures.js';

/** In batches on two cores: the target of the first issue. The others: jobs.md, "Figures to reach". */
const LEAST_JOBS_PER_SECOND = 5_000;
const MOST_START_MS = 20;
const MOST_STRANGER_MS = 1_000;
const MOST_CLAIM_RATIO = 2;

const EMPTY = 'bench.empty';
const TIMED = 'bench.timed';

/**
 * Measures the queue of a wired application that does not serve and whose workers are not started; `owner` is the pool of
 * the owner role, for filling the table in bulk. Leaves the table empty.
 */
export async function measureJobs(app: INestApplicationContext, owner: Pool): Promise<Figure[]> {
  const bench = new JobsBench(app, owner);
  return [
    await bench.enqueueRate(20_000),
    await bench.emptyRate('empty jobs of one lane, claimed and completed', [randomUUID()], 1, 20_000),
    await bench.emptyRate('empty jobs of 20 lanes in 5 workspaces, the same', uuids(5), 4, 20_000),
    ...(await bench.startDelay(200)),
  ];
}

/** What the queue does beside large piles; takes a minute or more. */
export async function measureJobsAtScale(app: INestApplicationContext, owner: Pool): Promise<Figure[]> {
  const bench = new JobsBench(app, owner);
  return [await bench.strangerDelay(50_000, 50), await bench.claimRatio(1_000, 1_000_000)];
}

class JobsBench {
  private ended = 0;
  private delays: number[] = [];
  private readonly jobs = this.app.get(Jobs);
  private readonly workers = this.app.get(Workers);

  constructor(
    private readonly app: INestApplicationContext,
    private readonly owner: Pool,
  ) {
    const handlers = app.get(JobHandlers);
    handlers.add({
      kind: EMPTY,
      work: () => {
        this.ended++;
        return Promise.resolve();
      },
    });
    handlers.add({
      kind: TIMED,
      work: async (job) => {
        this.delays.push(performance.now() - Number(job.payload['at_ms']));
        await new Promise((resolve) => setTimeout(resolve, Number(job.payload['work_ms'])));
      },
    });
  }

  async enqueueRate(count: number): Promise<Figure> {
    const began = performance.now();
    await this.fill([randomUUID()], 1, count);
    const value = perSecond(count, began);
    await this.owner.query('delete from jobs');
    return { what: 'enqueue in batches of 1,000', value, unit: 'jobs/s' };
  }

  async emptyRate(what: string, workspaces: readonly string[], lanes: number, count: number): Promise<Figure> {
    await this.fill(workspaces, lanes, count);
    this.ended = 0;
    const began = performance.now();
    this.workers.start();
    await reached(() => this.ended >= count);
    const value = perSecond(count, began);
    await this.workers.stop();
    return { what, value, unit: 'jobs/s', least: LEAST_JOBS_PER_SECOND };
  }

  async startDelay(count: number): Promise<Figure[]> {
    const workspace = randomUUID();
    this.delays = [];
    this.workers.start();
    for (let n = 1; n <= count; n++) {
      await this.enqueueTimed(workspace, 0);
      await reached(() => this.delays.length >= n);
    }
    await this.workers.stop();
    return [
      { what: 'commit to start of handler, idle, p50', value: percentile(this.delays, 0.5), unit: 'ms' },
      {
        what: 'commit to start of handler, idle, p95',
        value: percentile(this.delays, 0.95),
        unit: 'ms',
        most: MOST_START_MS,
      },
    ];
  }

  /** How long a stranger waits while one workspace has a pile of one-second jobs. */
  async strangerDelay(pile: number, count: number): Promise<Figure> {
    await this.owner.query(
      `insert into jobs (workspace_id, kind, lane, payload, actor, via, state)
       select $1, '${TIMED}', 'lane ' || n % 100, '{"at_ms":0,"work_ms":1000}', $2, 'system', 'ready' from generate_series(1, $3) n`,
      [randomUUID(), ACTOR, pile],
    );
    this.workers.start();
    await reached(() => this.delays.length > 300 + 24);
    const delays: number[] = [];
    for (let n = 0; n < count; n++) {
      const began = performance.now();
      const ended = this.ended;
      await this.inWorkspace(randomUUID(), () => this.jobs.enqueue(EMPTY, {}));
      await reached(() => this.ended > ended);
      delays.push(performance.now() - began);
    }
    await this.workers.stop();
    await this.owner.query('truncate jobs');
    const what = `a stranger's job beside ${pile} one-second jobs, p95`;
    return { what, value: percentile(delays, 0.95), unit: 'ms', most: MOST_STRANGER_MS };
  }

  /** Time of a claim from a large pile, against that from a small one. */
  async claimRatio(small: number, large: number): Promise<Figure> {
    const ofSmall = await this.claimMs(small);
    const ofLarge = await this.claimMs(large);
    await this.owner.query('truncate jobs');
    const what = `claim at ${large} ready jobs to claim at ${small}`;
    return { what, value: ofLarge / ofSmall, unit: 'ratio', most: MOST_CLAIM_RATIO };
  }

  private async claimMs(ready: number): Promise<number> {
    await this.owner.query('truncate jobs');
    await this.owner.query(
      `insert into jobs (workspace_id, kind, lane, actor, via, state)
       select ($1::uuid[])[1 + n % 20], '${EMPTY}', 'lane ' || n % 50, $2, 'system', 'ready' from generate_series(1, $3) n`,
      [uuids(20), ACTOR, ready],
    );
    await this.owner.query('vacuum analyze jobs');
    const claims = new JobClaimsRepository(this.app.get(SystemDatabase));
    const times: number[] = [];
    for (let n = 0, behind = null; n < 12; n++) {
      const began = performance.now();
      const answer = await claims.claim({ ...CLAIM, behind });
      behind = answer.behind;
      times.push(performance.now() - began);
    }
    // The first claims plan the statement.
    return percentile(times.slice(2), 0.5);
  }

  private async fill(workspaces: readonly string[], lanes: number, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1_000) {
      const items = Array.from({ length: 1_000 }, (_, index) => ({ payload: {}, lane: `lane ${index % lanes}` }));
      const workspace = workspaces[(n / 1_000) % workspaces.length] ?? '';
      await this.inWorkspace(workspace, () => this.jobs.enqueueMany(EMPTY, items));
    }
  }

  private async enqueueTimed(workspace: string, work_ms: number): Promise<void> {
    await this.inWorkspace(workspace, () => this.jobs.enqueue(TIMED, { at_ms: performance.now(), work_ms }));
  }

  private inWorkspace<T>(workspace_id: string, work: () => Promise<T>): Promise<T> {
    return this.app
      .get(Context)
      .runAs(systemPrincipal(workspace_id), { via: 'system' }, () => this.app.get(Database).transaction(work));
  }
}

const ACTOR = JSON.stringify({ type: 'system', id: null, name: 'Engawa' });

const CLAIM = {
  lease_ms: 30_000,
  leased_by: 'bench',
  room: 32,
  max_rows: 100,
  max_lanes: 32,
  workspace_slots: 24,
  kinds: [{ kind: EMPTY, cost: 1, lane_slots: 8 }],
  held_lanes: [],
  held_workspaces: [],
  full_workspaces: [],
};

function uuids(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID());
}

function perSecond(count: number, began_ms: number): number {
  return Math.round((count / (performance.now() - began_ms)) * 1_000);
}

async function reached(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
