import { Context } from '../../src/platform/context/context.js';
import { systemPrincipal } from '../../src/platform/context/principal.js';
import { Database } from '../../src/platform/database/database.js';
import { startTestApp, type TestApp, type TestWorkspace } from '../support/app.js';

let app: TestApp;
let other: TestWorkspace;
let db: Database;
beforeAll(async () => {
  app = await startTestApp();
  other = await app.newWorkspace();
  db = app.app.nest.get(Database);
});
afterAll(() => app.close());

const inWorkspace = <T>(id: string, work: () => Promise<T>): Promise<T> =>
  app.app.nest.get(Context).runAs(systemPrincipal(id), { via: 'system' }, work);
const names = async () =>
  (await db.readRows<{ name: string }>('select name from companies order by name')).map((row) => row.name);
const insert = (name: string) => db.query('insert into companies (name) values ($1)', [name]);

it('reads and writes the workspace of the context, whatever runs beside it', async () => {
  const both = [app.workspace.id, other.id];
  await Promise.all(both.map((id) => inWorkspace(id, () => db.transaction(() => insert(`of ${id}`)))));
  const reads = Array.from({ length: 200 }, (_unused, index) => {
    const id = both[index % 2] ?? '';
    return inWorkspace(id, async () => expect(await names()).toEqual([`of ${id}`]));
  });
  await Promise.all(reads);
});

it('refuses to write in a read', async () => {
  await inWorkspace(other.id, async () => {
    await expect(db.readRows('insert into companies (name) values ($1)', ['x'])).rejects.toThrow(
      /read-only transaction/,
    );
    await expect(db.read(() => insert('x'))).rejects.toThrow(/read-only transaction/);
    await expect(db.readRows('select 1 / 0')).rejects.toThrow(/division by zero/);
    expect(await names()).toEqual([`of ${other.id}`]);
  });
});

it('leaves nothing behind in a connection: no workspace, no transaction', async () => {
  await inWorkspace(other.id, () => names());
  const rows = await inWorkspace(other.id, () =>
    db.transaction(() => db.query<{ setting: string }>("select current_setting('app.workspace_id', true) as setting")),
  );
  expect(rows[0]?.setting).toBe(other.id);
  const { rows: idle } = await app.database.owner.query(
    "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
  );
  expect(idle).toEqual([]);
});

it('throws outside a transaction, without a workspace, and after the transaction ended', async () => {
  await expect(db.query('select 1')).rejects.toThrow(/no transaction is open/);
  await expect((async () => db.transaction(() => Promise.resolve()))()).rejects.toThrow(/no request context/);
  let late: () => Promise<unknown> = () => Promise.resolve();
  await inWorkspace(other.id, () =>
    db.transaction(async () => {
      await Promise.resolve();
      const { AsyncResource } = await import('node:async_hooks');
      late = AsyncResource.bind(() => db.query('select 1'));
    }),
  );
  await expect(late()).rejects.toThrow(/an await is missing/);
});

it('undoes a savepoint with what was collected in it, and keeps the rest', async () => {
  await inWorkspace(other.id, async () => {
    await db.transaction(async () => {
      await insert('kept');
      await db
        .savepoint(async () => {
          await insert('undone');
          throw new Error('no');
        })
        .catch(() => undefined);
    });
    expect(await names()).toEqual(['kept', `of ${other.id}`]);
  });
});

it('outlives a connection that the server ends in the middle of a read', async () => {
  const read = inWorkspace(other.id, () => db.readRows('select pg_sleep(60) as ended_while_reading'));
  const ended = read.catch((error: unknown) => error);
  let count = 0;
  while (count === 0) {
    const { rows } = await app.database.owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state = 'active' and query like '%ended_while_reading%'`,
    );
    count = rows.length;
  }
  expect(await ended).toMatchObject({ code: '57P01' });
  expect(await inWorkspace(other.id, () => names())).toContain('kept');
});

it('leaves a connection alone when a savepoint ends after its transaction', async () => {
  await inWorkspace(other.id, async () => {
    let begun!: () => void;
    let end!: () => void;
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    const mayEnd = new Promise<void>((resolve) => (end = resolve));
    let late: Promise<unknown> | undefined;
    const failed = db.transaction(async () => {
      late = db.savepoint(async () => {
        begun();
        await mayEnd;
        throw new Error('too late');
      });
      late.catch(() => undefined);
      await isBegun;
      throw new Error('the transaction fails first');
    });
    await expect(failed).rejects.toThrow('fails first');
    await db.transaction(async () => {
      await insert('of the next transaction');
      end();
      await expect(late).rejects.toThrow('too late');
      await db.query('select 1');
    });
    expect(await names()).toContain('of the next transaction');
  });
});
