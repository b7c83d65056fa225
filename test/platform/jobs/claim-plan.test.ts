import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { CLAIM, type ClaimRequest, claimValues } from '../../../src/platform/jobs/job-claims.repository.js';
import { BY_INDEX } from '../../../src/platform/jobs/job-statements.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

let database: TestDatabase;
let staff: Client;
beforeAll(async () => {
  database = await createTestDatabase();
  staff = new Client({ connectionString: database.urls.system });
  await staff.connect();
});
afterAll(async () => {
  await staff.end();
  await database.drop();
});

const request: ClaimRequest = {
  lease_ms: 30_000,
  leased_by: 'test',
  room: 32,
  max_rows: 100,
  max_lanes: 64,
  workspace_slots: 24,
  kinds: [{ kind: 'test.note', cost: 1, lane_slots: 8 }],
  held_lanes: [],
  held_workspaces: [],
  full_workspaces: [],
  behind: null,
};

async function insert(count: number, workspaces: readonly string[]): Promise<void> {
  await database.owner.query(
    `insert into jobs (workspace_id, kind, lane, key, actor, via, state)
     select ($2::uuid[])[1 + n % cardinality($2::uuid[])], 'test.note', 'lane ' || n % 50, case when n % 10 = 0 then n::text end,
       '{}', 'system', 'ready' from generate_series(1, $1) n`,
    [count, workspaces],
  );
}

/** The claim as the workers send it. */
async function explain(): Promise<{ plan: string; claimed: number }> {
  await staff.query('begin');
  await staff.query(BY_INDEX.text);
  const { rows } = await staff.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, costs off, timing off) ${CLAIM}`,
    claimValues(request),
  );
  await staff.query('rollback');
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  const claimed = Number(/CTE leased\n\s+->\s+Update on jobs j_\d+ \(actual rows=(\d+)/.exec(plan)?.[1]);
  return { plan, claimed };
}

it('claims by index alone, with one row and with a hundred thousand, without new statistics', async () => {
  await insert(1, [randomUUID()]);
  const small = await explain();
  expect(small.plan).not.toMatch(/Seq Scan on jobs|Bitmap/);
  await insert(
    100_000,
    Array.from({ length: 20 }, () => randomUUID()),
  );
  const large = await explain();
  expect(large.plan).not.toMatch(/Seq Scan on jobs|Bitmap/);
  expect(large.plan).toContain('jobs_ready_idx');
  expect(large.claimed).toBe(32);
  await database.owner.query('analyze jobs');
  const analyzed = await explain();
  expect(analyzed.plan).not.toMatch(/Seq Scan on jobs|Bitmap/);
});
