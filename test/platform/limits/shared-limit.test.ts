import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import { bucketName } from '../../../src/platform/limits/lease-store.js';
import type { Limiter } from '../../../src/platform/limits/limiter.js';
import type { Decision } from '../../../src/platform/limits/decision.js';
import type { Policy } from '../../../src/platform/limits/policy.js';
import { type LimitsRoom, openLimitsRoom, policyWithTime, WindowLedger } from './limits-room.js';

let room: LimitsRoom;
beforeAll(async () => {
  Logger.overrideLogger(false);
  room = await openLimitsRoom();
});
afterAll(() => room.close());

/** Many callers on many processes take, each one after the other. */
async function takeMany(limiters: readonly Limiter[], policy: Policy, times: number): Promise<WindowLedger> {
  const ledger = await WindowLedger.of(room, policy);
  let left = times;
  const caller = async (limiter: Limiter) => {
    while (left-- > 0) {
      const decision = await limiter.take([policy]);
      if (decision.admitted) ledger.record();
      if (left % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(limiters.flatMap((limiter) => [caller(limiter), caller(limiter), caller(limiter)]));
  return ledger;
}

const processes = (count: number) => Array.from({ length: count }, () => room.limiter());

it('admits 588 to 600 of 20,000 takes by 16 processes on a limit of 600', async () => {
  const policy = await policyWithTime(room, 600);
  const { admitted } = await takeMany(processes(16), policy, 20_000);
  expect([...admitted.values()]).toHaveLength(1);
  const [count] = admitted.values();
  expect(count).toBeLessThanOrEqual(600);
  expect(count).toBeGreaterThanOrEqual(588);
});

it.each([1, 5, 20])('admits exactly %i of many takes by four processes', async (q) => {
  const policy = await policyWithTime(room, q);
  const { admitted } = await takeMany(processes(4), policy, 400);
  expect([...admitted.values()]).toEqual([q]);
});

it('never admits more than the limit in any of many short windows, with processes killed in between', async () => {
  const policy: Policy = { name: 'principal', q: 600, w: 1, subject: 'short' };
  const ledger = await WindowLedger.of(room, policy);
  const runner = fileURLToPath(new URL('taker.runner.mjs', import.meta.url));
  const start = async (ms: number) => {
    const child = fork(runner, [room.database.urls.system, JSON.stringify(policy), String(ms)], { execArgv: [] });
    child.on('message', (message: { admitted_at?: number[] }) => {
      for (const at of message.admitted_at ?? []) ledger.record(at);
    });
    const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
    await once(child, 'message');
    return { child, exit };
  };
  const children = await Promise.all([4_000, 4_000, 60_000, 60_000].map(start));
  for (const { child } of children) child.send('go');
  const [first, second, ...killed] = children;
  await once(killed[0]!.child, 'message');
  for (const { child } of killed) child.kill('SIGKILL');
  const replacement = await start(2_000);
  replacement.child.send('go');
  for (const { exit } of [first!, second!, replacement]) expect(await exit).toEqual([0, null]);
  for (const { exit } of killed) expect(await exit).toEqual([null, 'SIGKILL']);
  expect(ledger.admitted.size).toBeGreaterThanOrEqual(4);
  expect(ledger.most).toBeGreaterThan(400);
  expect(ledger.most).toBeLessThanOrEqual(600);
});

it('counts a lease that was asked for inside a transaction that is rolled back', async () => {
  const policy = await policyWithTime(room, 600);
  const limiter = room.limiter();
  const rolledBack = room.system.transaction(async () => {
    expect(await limiter.take([policy])).toMatchObject({ admitted: true });
    throw new Error('rolled back');
  });
  await expect(rolledBack).rejects.toThrow('rolled back');
  expect(await room.store.standing([policy])).toMatchObject([{ granted: 30 }]);
});

it('grants nothing more when the limit is lowered below what is granted', async () => {
  const bucket = bucketName(await policyWithTime(room, 100));
  expect(await room.store.lease(bucket, 100, 60, 50)).toMatchObject({ permits: 50, granted: 50 });
  expect(await room.store.lease(bucket, 10, 60, 1)).toMatchObject({ permits: 0 });
  expect(await room.store.lease(bucket, 60, 60, 50)).toMatchObject({ permits: 10, granted: 60 });
});

it('keeps the end of the window in sight of every process', async () => {
  const leases = await Promise.all([1, 2, 3].map(() => room.store.lease('b', 1_000, 60, 1)));
  for (const { ends_in_ms } of leases) {
    expect(ends_in_ms).toBeGreaterThanOrEqual(0);
    expect(ends_in_ms).toBeLessThan(60_000);
  }
  expect(leases.map(({ granted }) => granted).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
});

it('takes unused permits back and tells each policy where it stands', async () => {
  const policy = await policyWithTime(room, 600);
  const limiter = room.limiter();
  await limiter.take([policy]);
  await limiter.returnAll();
  const standing = await limiter.standing([{ ...policy, name: 'burst', q: 0 }, policy]);
  expect(standing).toEqual([{ policy: 'principal', q: 600, w: 60, granted: 1, ends_in_s: expect.any(Number) }]);
});

it('returns permits of many buckets from several processes at once without a deadlock', async () => {
  const leases = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => ({
      bucket: `d${i}`,
      ...(await room.store.lease(`d${i}`, 900, 60, 400)),
    })),
  );
  const unused = leases.map(({ bucket, window_no }) => ({ bucket, window_no, permits: 10 }));
  const shuffled = (turn: number) => [...unused.slice(turn), ...unused.slice(0, turn)];
  await Promise.all(Array.from({ length: 24 }, (_, i) => room.store.giveBack(shuffled(i))));
  const { rows } = await room.database.owner.query<{ granted: number }>(
    "select distinct granted from rate_windows where bucket ~ '^d[0-9]+$'",
  );
  expect(rows).toEqual([{ granted: 400 - 240 }]);
});

it('keeps no addresses in the clear, and nothing of windows that are long over', async () => {
  const limiter = room.limiter();
  await limiter.take([{ name: 'address', q: 10, w: 1, subject: '203.0.113.9' }]);
  await room.database.owner.query(
    "update rate_windows set ends_at = ends_at - interval '3 minutes' where window_no % 2 = 0",
  );
  await room.store.lease('kept', 10, 60, 1);
  await limiter.deleteOldWindows();
  const { rows } = await room.database.owner.query<{ bucket: string; is_old: boolean }>(
    "select bucket, ends_at < now() - interval '2 minutes' as is_old from rate_windows",
  );
  expect(rows.map(({ bucket }) => bucket)).toContain('kept');
  expect(rows.filter(({ is_old, bucket }) => is_old || bucket.includes('203'))).toEqual([]);
});

it('reports an exceeded bucket once an hour for all processes together', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => room.store.noticeExceeded('n')));
  expect(answers.filter(Boolean)).toHaveLength(1);
  await room.database.owner.query("update limit_notices set noticed_at = now() - interval '61 minutes'");
  expect(await room.store.noticeExceeded('n')).toBe(true);
});

it('writes nothing for a caller without a limit', async () => {
  const before = await room.database.owner.query('select count(*) from rate_windows');
  const limiter = room.limiter();
  for (let i = 0; i < 100; i++)
    expect(limiter.take([{ name: 'principal', q: 0, w: 60, subject: 'free' }])).toEqual({
      admitted: true,
      headers: {},
    });
  const after = await room.database.owner.query('select count(*) from rate_windows');
  expect(after.rows).toEqual(before.rows);
});

it('answers 503 while the database is away, and recovers by itself', async () => {
  const limiter = room.limiter();
  const policy = await policyWithTime(room, 600);
  const name = new URL(room.database.owner_url).pathname.slice(1);
  // Superusers, such as the owner here, are not bound by it.
  await room.database.owner.query(`alter database ${name} connection limit 0`);
  await room.database.owner.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = 'engawa_system'",
    [name],
  );
  const refused = (await limiter.take([policy])) as Extract<Decision, { admitted: false }>;
  expect(refused.problem).toMatchObject({ status: 503, slug: 'limits-unavailable' });
  expect(refused.problem.members.headers).toEqual({ 'retry-after': '1' });
  await room.database.owner.query(`alter database ${name} connection limit -1`);
  const until = Date.now() + 10_000;
  let decision: Decision = refused;
  while (!decision.admitted && Date.now() < until) decision = await limiter.take([policy]);
  expect(decision.admitted).toBe(true);
});
