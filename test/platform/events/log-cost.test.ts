import { randomUUID } from 'node:crypto';
import { SystemDatabase } from '../../../src/platform/database/system-database.js';
import { LogReader, type LogPage } from '../../../src/platform/events/log-reader.js';
import { LOG_START, type Position } from '../../../src/platform/events/log-position.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { type LogProcess, startLogProcess } from './log-bench.js';

const ROWS_TOUCHED = `select coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::int as touched
  from pg_stat_xact_user_tables where relname ~ '^events_'`;

let database: TestDatabase;
let log: LogProcess;
let reader: LogReader;
let position: Position;
const [big, small] = [randomUUID(), randomUUID()];

function fill(workspace_id: string, count: number): Promise<void> {
  return log.as(workspace_id, () =>
    log.events.publishMany(
      'contact.created',
      Array.from({ length: count }, () => ({ subject_id: randomUUID(), data: {} })),
    ),
  );
}

async function touchedBy(read: () => Promise<unknown>): Promise<number> {
  await read();
  const [row] = await log.db.query<{ touched: number }>(ROWS_TOUCHED);
  return row?.touched ?? Number.NaN;
}

/** The worst case for a planner: every statement was planned while the log was empty, and nothing was analysed since. */
beforeAll(async () => {
  database = await createTestDatabase();
  log = await startLogProcess(database, [], 1);
  reader = log.get(LogReader);
  for (let n = 0; n < 8; n++) {
    await log.as(small, async () => [await reader.feedAfter(LOG_START, {}, 10), await reader.feedHead()]);
    await reader.after(LOG_START, {}, 10);
  }
  await fill(small, 20);
  for (let n = 0; n < 10; n++) await fill(big, 500);
  position = await reader.horizon();
  await fill(small, 20);
  await fill(big, 20);
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

it('the pull feed of a small workspace touches what it reads, not what others wrote', async () => {
  const touched = await log.as(small, () =>
    touchedBy(async () => {
      expect((await reader.feedAfter(position, {}, 10)).events).toHaveLength(10);
    }),
  );
  expect(touched).toBeGreaterThanOrEqual(10);
  expect(touched).toBeLessThan(100);
});

it('the head of the feed is found from the end of the log', async () => {
  const touched = await log.as(small, () => touchedBy(() => reader.feedHead()));
  expect(touched).toBeLessThan(100);
});

it('the relay and the stream reader touch what is new', async () => {
  const system = log.get(SystemDatabase);
  let page: LogPage | undefined;
  const [row] = await system.transaction(async () => {
    page = await reader.after(position, {}, 500);
    return system.query<{ touched: number }>(ROWS_TOUCHED);
  });
  expect(page?.events).toHaveLength(40);
  expect(row?.touched).toBeGreaterThanOrEqual(40);
  expect(row?.touched).toBeLessThan(100);
});
