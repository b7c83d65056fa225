import { randomUUID } from 'node:crypto';
import { systemPrincipal } from '../../../src/platform/context/principal.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { type LogProcess, startLogProcess } from './log-bench.js';

let database: TestDatabase;
let log: LogProcess;
const here = randomUUID();
const elsewhere = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  log = await startLogProcess(database);
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

async function rowsOf(subject_id: string): Promise<Record<string, unknown>[]> {
  const { rows } = await database.owner.query<Record<string, unknown>>(
    'select *, tx::text from events where subject_id = $1 order by seq',
    [subject_id],
  );
  return rows;
}

describe('publishing', () => {
  it('writes what happened, who did it and from where, in the transaction of the change', async () => {
    const subject_id = randomUUID();
    const about = [randomUUID(), randomUUID()];
    const actor = { type: 'api_key', id: randomUUID(), name: 'Import key' } as const;
    await log.context.runAs(
      systemPrincipal(here, actor),
      { via: 'mcp', request_id: 'req-1', ip: '192.0.2.1', user_agent: 'agent/2', depth: 2 },
      () =>
        log.db.transaction(async () => {
          log.events.publish('contact.updated', {
            subject_id,
            data: { id: subject_id, first_name: 'Ada' },
            changes: { first_name: { from: 'Adah', to: 'Ada' } },
            about,
          });
        }),
    );
    const [row] = await rowsOf(subject_id);
    expect(row).toMatchObject({
      workspace_id: here,
      type: 'contact.updated',
      subject_type: 'contact',
      actor_type: 'api_key',
      actor_id: actor.id,
      actor_name: 'Import key',
      api_key_id: actor.id,
      via: 'mcp',
      depth: 2,
      request_id: 'req-1',
      ip: '192.0.2.1',
      user_agent: 'agent/2',
      data: { id: subject_id, first_name: 'Ada' },
      changes: { first_name: { from: 'Adah', to: 'Ada' } },
      is_truncated: false,
      epoch: 1,
    });
    expect(row?.['salt']).toHaveLength(32);
    const { rows } = await database.owner.query('select subject_id from event_subjects where event_id = $1', [
      row?.['id'],
    ]);
    expect(rows.map((each: { subject_id: string }) => each.subject_id).sort()).toEqual([...about].sort());
  });

  it('leaves nothing when the transaction does not commit', async () => {
    const subject_id = randomUUID();
    const failing = log.as(here, () => {
      log.events.publish('contact.created', { subject_id, data: {} });
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await rowsOf(subject_id)).toEqual([]);
  });

  it('leaves nothing of a savepoint that was rolled back', async () => {
    const [kept, undone] = [randomUUID(), randomUUID()];
    await log.as(here, async () => {
      log.events.publish('contact.created', { subject_id: kept, data: {} });
      await log.db
        .savepoint(async () => {
          log.events.publish('contact.created', { subject_id: undone, data: {} });
          throw new Error('undo');
        })
        .catch(() => undefined);
    });
    expect([(await rowsOf(kept)).length, (await rowsOf(undone)).length]).toEqual([1, 0]);
  });

  it('throws outside a transaction', () => {
    const outside = () =>
      log.context.runAs(systemPrincipal(here), { via: 'rest' }, () =>
        log.events.publish('contact.created', { subject_id: randomUUID(), data: {} }),
      );
    expect(outside).toThrow('no transaction is open');
  });

  it('keeps the order of a batch, in ids and in seq', async () => {
    const subject_id = randomUUID();
    await log.as(here, () =>
      log.events.publishMany(
        'contact.updated',
        Array.from({ length: 600 }, (_, n) => ({ subject_id, data: { n } })),
      ),
    );
    const rows = await rowsOf(subject_id);
    expect(rows.map((row) => (row['data'] as { n: number }).n)).toEqual(Array.from({ length: 600 }, (_, n) => n));
    const ids = rows.map((row) => String(row['id']));
    expect(ids.every((id, n) => n === 0 || id > String(ids[n - 1]))).toBe(true);
  });

  it('writes the data of the moment of publishing', async () => {
    const subject_id = randomUUID();
    await log.as(here, () => {
      const data = { name: 'before' };
      log.events.publish('contact.created', { subject_id, data });
      data.name = 'after';
    });
    expect((await rowsOf(subject_id))[0]?.['data']).toEqual({ name: 'before' });
  });

  it('cuts data beyond 256 KiB down to the id and what changed, and says so', async () => {
    const [cut, bare, whole] = [randomUUID(), randomUUID(), randomUUID()];
    const big = 'x'.repeat(300_000);
    await log.as(here, () => {
      log.events.publish('contact.updated', {
        subject_id: cut,
        data: { id: cut, body: big, title: 'new' },
        changes: { title: { from: 'old', to: 'new' } },
      });
      log.events.publish('contact.updated', {
        subject_id: bare,
        data: { id: bare, body: big },
        changes: { body: { from: 'old', to: big } },
      });
      log.events.publish('contact.created', { subject_id: whole, data: { body: 'ü'.repeat(130_000) } });
    });
    expect((await rowsOf(cut))[0]).toMatchObject({ is_truncated: true, data: { id: cut, title: 'new' } });
    expect((await rowsOf(bare))[0]).toMatchObject({
      is_truncated: true,
      data: { id: bare },
      changes: { body: { from: 'old', to: null } },
    });
    expect((await rowsOf(whole))[0]?.['is_truncated']).toBe(false);
  });
});

describe('the log', () => {
  it.each(['update events set type = type', 'delete from events', 'truncate events', 'delete from event_subjects'])(
    'refuses the application role: %s',
    async (statement) => {
      await expect(log.as(here, () => log.db.execute(statement))).rejects.toThrow(/permission denied/);
    },
  );

  it('shows a workspace its own events only', async () => {
    await log.as(elsewhere, () => log.events.publish('contact.created', { subject_id: randomUUID(), data: {} }));
    const rows = await log.as(here, () =>
      log.db.query<{ workspace_id: string }>('select distinct workspace_id from events'),
    );
    expect(rows).toEqual([{ workspace_id: here }]);
  });

  it('cannot be read past its wall, through a partition', async () => {
    const { rows } = await database.owner.query<{ name: string }>(
      `select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid
        where inhparent in ('events'::regclass, 'event_subjects'::regclass)`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(8);
    for (const { name } of rows) {
      await expect(log.as(here, () => log.db.query(`select * from ${name}`))).rejects.toThrow(/permission denied/);
    }
    const open = await database.owner.query(
      `select relname from pg_class where (relname like 'events%' or relname like 'event\\_subjects%')
        and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)`,
    );
    expect(open.rows).toEqual([]);
  });

  it('has partitions for the coming months, made when asked, once', async () => {
    const make = () => database.owner.query<{ made: number }>('select app.make_event_partitions(5) as made');
    expect((await make()).rows[0]?.made).toBe(6);
    expect((await make()).rows[0]?.made).toBe(0);
    const { rows } = await database.owner.query<{ place: string }>(
      'select tableoid::regclass::text as place from events limit 1',
    );
    expect(rows[0]?.place).toMatch(/^events_\d{4}_\d{2}$/);
  });
});
