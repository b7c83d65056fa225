import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Client } from 'pg';
import type { DomainEvent } from '../../../src/contracts/events.js';
import { Context } from '../../../src/platform/context/context.js';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { Database } from '../../../src/platform/database/database.js';
import { SystemDatabase } from '../../../src/platform/database/system-database.js';
import { Consumes } from '../../../src/platform/events/consumes.decorator.js';
import { LOG_START } from '../../../src/platform/events/log-position.js';
import { LogHealth } from '../../../src/platform/events/log-health.js';
import { LogReader } from '../../../src/platform/events/log-reader.js';
import { Relay } from '../../../src/platform/events/relay.js';
import { RetryQueue } from '../../../src/platform/events/retry-queue.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { until } from '../../support/until.js';
import { type LogProcess, startLogProcess } from './log-bench.js';

const broken = new Set<string>();

/** Writes a row for each event that it gets, and throws at those of a broken subject. */
@Injectable()
class Witness {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
  ) {}

  @Consumes({ name: 'test.witness', types: ['*'], from: 'start' })
  async seeAll(events: readonly DomainEvent[]): Promise<void> {
    await this.write('witness', events);
    const bad = events.find((event) => broken.has(event.subject));
    if (bad) throw new Error(`cannot bear ${bad.subject}`);
  }

  @Consumes({ name: 'test.companies', types: ['company.created'] })
  seeCompanies(events: readonly DomainEvent[]): Promise<void> {
    return this.write('companies', events);
  }

  private async write(consumer: string, events: readonly DomainEvent[]): Promise<void> {
    await this.db.execute(
      'insert into seen (consumer, event_id, subject, depth) select $1, * , $4::int from unnest($2::uuid[], $3::text[])',
      [consumer, events.map(({ id }) => id), events.map(({ subject }) => subject), this.context.current().depth],
    );
  }
}

interface Seen {
  event_id: string;
  workspace_id: string;
  depth: number;
}

const here = randomUUID();
let database: TestDatabase;
let log: LogProcess;
let relay: Relay;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.owner.query(`
    create table seen (workspace_id uuid not null, n bigint generated always as identity primary key, consumer text,
      event_id uuid, subject text, depth int);
    select app.protect('seen');`);
  log = await startLogProcess(database, [Witness]);
  relay = log.get(Relay);
});
afterAll(async () => {
  await log.close();
  await database.drop();
});
beforeEach(async () => {
  broken.clear();
  await relay.drain();
});

function publish(subject_id = randomUUID(), workspace_id = here): Promise<void> {
  return log.as(workspace_id, () => log.events.publish('contact.created', { subject_id, data: { id: subject_id } }));
}

async function seenOf(consumer: string, subject_id?: string): Promise<Seen[]> {
  const { rows } = await database.owner.query<Seen>(
    'select * from seen where consumer = $1 and ($2::text is null or subject = $2) order by n',
    [consumer, subject_id === undefined ? null : `contact/${subject_id}`],
  );
  return rows;
}

/** Events of the log in the order in which `seq` was drawn, and in log order. */
async function idsBy(order: 'seq' | 'epoch, tx, seq', subject_ids: readonly string[]): Promise<string[]> {
  const { rows } = await database.owner.query<{ id: string }>(
    `select id from events where subject_id = any($1) order by ${order}`,
    [subject_ids],
  );
  return rows.map(({ id }) => id);
}

describe('a consumer', () => {
  it('gets each event once, in the workspace of the event, one step deeper in causation', async () => {
    const [subject_id, elsewhere] = [randomUUID(), randomUUID()];
    await publish(subject_id);
    await publish(subject_id, elsewhere);
    await relay.drain();
    await relay.drain();
    const seen = await seenOf('witness', subject_id);
    expect(seen.map(({ workspace_id }) => workspace_id)).toEqual([here, elsewhere]);
    expect(seen[0]?.depth).toBe(1);
  });

  it('is told only of the types it asked for, and passes over the others', async () => {
    await publish();
    const company = randomUUID();
    await log.as(here, () => log.events.publish('company.created', { subject_id: company, data: {} }));
    await relay.drain();
    const { rows } = await database.owner.query<{ subject: string }>(
      "select subject from seen where consumer = 'companies'",
    );
    expect(rows.map(({ subject }) => subject)).toEqual([`company/${company}`]);
  });

  it('sees a transaction that commits late, in the same order as every other reader', async () => {
    const [early, late] = [randomUUID(), randomUUID()];
    const slow = new Client({ connectionString: database.urls.app });
    await slow.connect();
    await slow.query('begin');
    await slow.query("select set_config('app.workspace_id', $1, true)", [here]);
    await slow.query(
      `insert into events (id, type, subject_type, subject_id, actor_type, via, depth, data)
        values (app.uuidv7(), 'contact.created', 'contact', $1, 'system', 'rest', 0, '{}')`,
      [early],
    );
    await publish(late);
    const reader = log.get(LogReader);
    const held = await reader.after(LOG_START, {}, 500);
    expect(held.is_held).toBe(true);
    expect(held.events.some(({ event }) => event.subject === `contact/${late}`)).toBe(false);
    await slow.query('commit');
    await slow.end();
    await relay.drain();
    const order = await idsBy('epoch, tx, seq', [early, late]);
    const witnessed = (await seenOf('witness')).map(({ event_id }) => event_id).filter((id) => order.includes(id));
    const rest = await reader.after(held.next, {}, 500);
    const feed = await log.as(here, () => reader.feedAfter(held.next, {}, 500));
    expect(order).toHaveLength(2);
    expect(witnessed).toEqual(order);
    expect(rest.events.map(({ event }) => event.id)).toEqual(order);
    expect(feed.events.map(({ event }) => event.id)).toEqual(order);
  });

  it('that throws at one event gets the others, and later ones of its subject in order once it is repaired', async () => {
    const [good, bad] = [randomUUID(), randomUUID()];
    broken.add(`contact/${bad}`);
    await publish(good);
    await publish(bad);
    await publish(bad);
    await publish(good);
    await relay.drain();
    await publish(bad);
    await relay.drain();
    expect(await seenOf('witness', good)).toHaveLength(2);
    expect(await seenOf('witness', bad)).toHaveLength(0);
    const retries = () =>
      database.owner.query<{ attempts: number; run_at: string; parked_at: string | null; last_error: string | null }>(
        'select attempts, run_at, parked_at, last_error from event_retries where subject = $1 order by event_id',
        [`contact/${bad}`],
      );
    expect((await retries()).rows.map(({ attempts }) => attempts)).toEqual([1, 0, 0]);
    for (const attempts of [2, 3, 4, 5, 6]) {
      await database.owner.query(
        "update event_retries set run_at = now() where run_at <> 'infinity' and parked_at is null",
      );
      await relay.drain();
      expect((await retries()).rows[0]?.attempts).toBe(attempts);
    }
    const { rows } = await retries();
    expect(rows[0]).toMatchObject({ last_error: `cannot bear contact/${bad}` });
    expect(rows.map(({ parked_at }) => parked_at !== null)).toEqual([true, false, false]);
    expect(rows.slice(1).map(({ run_at }) => run_at)).toEqual(['infinity', 'infinity']);
    const parked = await database.owner.query("select data from events where type = 'consumer.parked'");
    expect(parked.rows).toHaveLength(1);

    broken.clear();
    expect(await log.get(RetryQueue).replayParked('test.witness')).toBe(1);
    await relay.drain();
    const order = await idsBy('seq', [bad]);
    expect((await seenOf('witness', bad)).map(({ event_id }) => event_id)).toEqual(order);
    expect((await retries()).rows).toEqual([]);
  });

  it('gets events again after its cursor was set back', async () => {
    const subject_id = randomUUID();
    const since = new Date(Date.now() - 1_000);
    await publish(subject_id);
    await relay.drain();
    await relay.rewind('test.witness', since);
    await relay.drain();
    expect(await seenOf('witness', subject_id)).toHaveLength(2);
  });

  it('loses nothing and repeats nothing with 16 writers and 4 relays whose connections are cut', async () => {
    const others = await Promise.all(Array.from({ length: 3 }, () => startLogProcess(database, [Witness], 4)));
    const relays = [log, ...others].map((process) => process.get(Relay));
    await Promise.all(relays.map((each) => each.start()));
    const subjects = Array.from({ length: 40 }, () => randomUUID());
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; n < 40; n++) await publish(subjects[(writer + n) % 40], n % 2 ? here : undefined);
    };
    const cut = async (): Promise<void> => {
      for (let n = 0; n < 5; n++) {
        await database.owner.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where usename = 'engawa_system' and datname = current_database() and xact_start is not null`,
        );
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    };
    await Promise.all([...Array.from({ length: 16 }, (_, writer) => write(writer)), cut()]);
    const order = await idsBy('epoch, tx, seq', subjects);
    const seen = async () =>
      (await seenOf('witness')).map(({ event_id }) => event_id).filter((id) => order.includes(id));
    await until('all is seen', async () => (await seen()).length >= order.length);
    await Promise.all(relays.map((each) => each.stop()));
    expect(order).toHaveLength(640);
    expect(await seen()).toEqual(order);
    await Promise.all(others.map((process) => process.close()));
  });

  it('is woken by another process, and within 1.2 s when the signals are cut', async () => {
    const writer = await startLogProcess(database, [], 4);
    await relay.start();
    const arrival = async (): Promise<number> => {
      const subject_id = randomUUID();
      const started = performance.now();
      await writer.as(here, () => writer.events.publish('contact.created', { subject_id, data: {} }));
      await until('it is seen', async () => (await seenOf('witness', subject_id)).length === 1);
      return performance.now() - started;
    };
    await arrival();
    const usual = Math.min(await arrival(), await arrival(), await arrival());
    await database.owner.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'engawa signals' and datname = current_database()",
    );
    const cut = await arrival();
    await relay.stop();
    await writer.close();
    expect(usual).toBeLessThan(300);
    expect(cut).toBeLessThan(1_500);
  });

  it('is not even locked while there is nothing to do', async () => {
    const marks = () =>
      database.owner.query('select consumer, ctid::text, xmin::text, xmax::text from event_cursors order by consumer');
    await relay.drain();
    const before = await marks();
    await relay.drain();
    expect((await marks()).rows).toEqual(before.rows);
  });

  it('waits for a writer that stays open, whom the health check can name', async () => {
    const holder = new Client({ connectionString: database.urls.app });
    await holder.connect();
    await holder.query('begin');
    const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid, pg_current_xact_id()::text');
    const subject_id = randomUUID();
    await publish(subject_id);
    const health = log.get(LogHealth);
    expect((await log.get(LogReader).after(await log.get(LogReader).horizon(), {}, 10)).is_held).toBe(true);
    await until('the log is held back', async () => (await health.check()).held_back_s > 0);
    await until('the log names who holds it back', async () => {
      const named = await database.owner.query<{ pid: number }>('select pid from app.log_holder()');
      return named.rows[0]?.pid === rows[0]?.pid;
    });
    await holder.query('rollback');
    await holder.end();
    await relay.drain();
    expect(await seenOf('witness', subject_id)).toHaveLength(1);
    expect((await health.check()).lag_s).toEqual({ 'test.witness': 0, 'test.companies': 0 });
  });
});

it('a dump restored into another server goes on: old positions stand, new events are read', async () => {
  const restored = await createTestDatabase();
  const first = await startLogProcess(restored);
  await first.as(here, () => first.events.publish('contact.created', { subject_id: randomUUID(), data: {} }));
  const page = await first.get(LogReader).after(LOG_START, {}, 10);
  await first.close();
  // What the log looks like on arrival: transaction ids far ahead of the new server's, and another server's name.
  await restored.owner.query(
    'update installation set value = value || \'{"system_identifier": "1"}\' where name = \'log\'',
  );
  const second = await startLogProcess(restored);
  const reader = second.get(LogReader);
  const subject_id = randomUUID();
  await second.as(here, () => second.events.publish('contact.created', { subject_id, data: {} }));
  const far = { ...page.next, tx: '9223372036854775807' };
  const rest = await reader.after(far, {}, 10);
  expect(rest.events.map(({ event, position }) => [event.subject, position.epoch])).toEqual([
    [`contact/${subject_id}`, 2],
  ]);
  await second.close();
  await restored.drop();
});

it('work inside a consumer cannot reach another workspace', async () => {
  const system = log.get(SystemDatabase);
  const other = randomUUID();
  await publish(randomUUID(), other);
  const rows = await system.transaction(() =>
    system.inWorkspace(systemPrincipal(here), { via: 'system' }, () =>
      log.db.query('select 1 from events where workspace_id = $1', [other]),
    ),
  );
  expect(rows).toEqual([]);
});
