import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { bucketName } from '../../../src/platform/limits/lease-store.js';
import type { Decision } from '../../../src/platform/limits/decision.js';
import type { Policy } from '../../../src/platform/limits/policy.js';
import { SimulatedProcess, World } from './simulated-world.js';

beforeAll(() => Logger.overrideLogger(false));

const principal = (q: number, w = 60): Policy => ({ name: 'principal', q, w, subject: 'key-1' });

/** Takes one after the other until a refusal. */
async function takeUntilRefused(
  world: World,
  taker: SimulatedProcess,
  policies: readonly Policy[],
): Promise<Decision[]> {
  const decisions: Decision[] = [];
  while (decisions.at(-1)?.admitted !== false) {
    taker.take(policies, 1, (decision) => decisions.push(decision));
    await world.advanceTo(world.now);
  }
  return decisions;
}

const action = fc.record({
  after_ms: fc.oneof(fc.nat(5), fc.nat(400), fc.nat(4_000)),
  process: fc.nat(3),
  cost: fc.oneof({ arbitrary: fc.constant(1), weight: 6 }, { arbitrary: fc.integer({ min: 2, max: 6 }), weight: 1 }),
  times: fc.oneof(fc.constant(1), fc.nat(60)),
  kind: fc.oneof(
    { arbitrary: fc.constant('take' as const), weight: 30 },
    { arbitrary: fc.constantFrom('crash' as const, 'return' as const), weight: 1 },
  ),
});

it('never admits more than q in a window, whatever the delays, losses, crashes and clocks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 150 }),
      fc.constantFrom(1, 5, 60),
      fc.array(fc.option(fc.oneof(fc.nat(3), fc.nat(80), fc.nat(3_000)), { freq: 12 }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.array(fc.record({ offset: fc.nat(3_600_000), ppm: fc.integer({ min: -380, max: 380 }) }), {
        minLength: 4,
        maxLength: 4,
      }),
      fc.nat(3_600_000),
      fc.array(action, { minLength: 1, maxLength: 60 }),
      async (q, w, delays, clocks, databaseOffset, actions) => {
        let message = 0;
        const world = new World(() => delays[message++ % delays.length] ?? null, databaseOffset);
        const spawn = (i: number) => new SimulatedProcess(world, clocks[i]?.offset, (clocks[i]?.ppm ?? 0) / 1e6);
        const processes = clocks.map((_, i) => spawn(i));
        const tight = principal(q, w);
        const wide: Policy = { name: 'workspace', q: 40, w: 5, subject: 'w-1' };
        const admitted = new Map<string, number>();
        const count = (cost: number) => (decision: Decision) => {
          if (!decision.admitted) return;
          for (const policy of [tight, wide]) {
            const key = `${policy.name} ${world.windowOf(bucketName(policy), policy.w)}`;
            const sum = (admitted.get(key) ?? 0) + cost;
            admitted.set(key, sum);
            if (sum > policy.q) throw new Error(`${sum} of ${policy.q} admitted in ${key} at ${world.now}`);
          }
        };
        for (const { after_ms, process, cost, times, kind } of actions) {
          await world.advanceTo(world.now + after_ms);
          const actor = processes[process] as SimulatedProcess;
          if (kind === 'crash') {
            actor.isAlive = false;
            processes[process] = spawn(process);
          } else if (kind === 'return') {
            actor.limiter.returnAll().catch(() => undefined);
          } else {
            for (let i = 0; i < times; i++) actor.take([wide, tight], cost, count(cost));
          }
        }
        await world.advanceTo(world.now + 10_000);
        for (const granted of world.rows.values()) {
          expect(granted).toBeGreaterThanOrEqual(0);
          expect(granted).toBeLessThanOrEqual(Math.max(q, 40));
        }
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);

it.each([1, 5, 20, 21, 600, 6_000])('admits exactly %i of one process, then refuses', async (q) => {
  const world = new World();
  const decisions = await takeUntilRefused(world, new SimulatedProcess(world), [principal(q)]);
  expect(decisions).toHaveLength(q + 1);
});

it('costs one write per slice of a busy caller', async () => {
  const world = new World();
  await takeUntilRefused(world, new SimulatedProcess(world), [principal(600)]);
  expect(world.statements).toBeLessThanOrEqual(24);
});

it('asks once a second for a caller that is refused a thousand times a second', async () => {
  const world = new World(() => 1);
  const taker = new SimulatedProcess(world);
  for (let i = 0; i < 5; i++) taker.take([principal(5)], 1, () => undefined);
  await world.advanceTo(100);
  const before = world.statements;
  for (let i = 0; i < 5_000; i++) {
    taker.take([principal(5)], 1, (decision) => expect(decision.admitted).toBe(false));
    await world.advanceTo(world.now + 1);
  }
  expect(world.statements - before).toBeLessThanOrEqual(6);
});

it('gives back what lay idle for two seconds, so that another process can use it', async () => {
  const world = new World();
  const [idle, busy] = [new SimulatedProcess(world), new SimulatedProcess(world)];
  idle.take([principal(600)], 1, () => undefined);
  await world.advanceTo(5_000);
  const decisions = await takeUntilRefused(world, busy, [principal(600)]);
  expect(decisions).toHaveLength(600);
});

it('returns everything at the end and then leases as needed', async () => {
  const world = new World();
  const taker = new SimulatedProcess(world);
  taker.take([principal(600)], 1, () => undefined);
  await world.advanceTo(10);
  await Promise.all([taker.limiter.returnAll(), world.advanceTo(20)]);
  expect([...world.rows.values()]).toEqual([1]);
  taker.take([principal(600)], 1, () => undefined);
  await world.advanceTo(30);
  expect([...world.rows.values()]).toEqual([2]);
});

it('puts back what it took from one policy when another refuses', async () => {
  const world = new World();
  const taker = new SimulatedProcess(world);
  const wide: Policy = { name: 'workspace', q: 100, w: 60, subject: 'w-1' };
  await takeUntilRefused(world, taker, [wide, principal(3)]);
  for (let i = 0; i < 50; i++) taker.take([wide, principal(3)], 1, () => undefined);
  const decisions = await takeUntilRefused(world, taker, [wide]);
  expect(decisions).toHaveLength(100 - 3 + 1);
});

it('takes a batch whole or not at all', async () => {
  const world = new World();
  const taker = new SimulatedProcess(world);
  const answers: boolean[] = [];
  for (const cost of [4, 4, 4, 2]) {
    taker.take([principal(10)], cost, ({ admitted }) => answers.push(admitted));
    await world.advanceTo(world.now);
  }
  expect(answers).toEqual([true, true, false, true]);
});

it('says when to come back, and admits again then', async () => {
  const world = new World(() => 1);
  const taker = new SimulatedProcess(world);
  for (let i = 0; i < 6; i++) taker.take([principal(5)], 1, () => undefined);
  await world.advanceTo(50);
  let waitS = 0;
  taker.take([principal(5)], 1, (decision) => {
    if (decision.admitted) return;
    expect(decision.problem.status).toBe(429);
    expect(decision.problem.toBody('r')).toMatchObject({ policy: 'principal', limit: 5, window_s: 60 });
    waitS = Number(decision.problem.members.headers?.['retry-after']);
  });
  expect(waitS).toBeGreaterThanOrEqual(1);
  expect(waitS).toBeLessThanOrEqual(60);
  await world.advanceTo(world.now + waitS * 1000);
  const later: Decision[] = [];
  taker.take([principal(5)], 1, (decision) => later.push(decision));
  await world.advanceTo(world.now + 50);
  expect(later.map(({ admitted }) => admitted)).toEqual([true]);
});

it('never shows more left within a window than before, and t counts down', async () => {
  const world = new World(() => 1);
  const taker = new SimulatedProcess(world);
  let last = { r: Number.POSITIVE_INFINITY, t: 61 };
  for (let i = 0; i < 100; i++) {
    taker.take([principal(90)], 1, (decision) => {
      const headers = decision.admitted ? decision.headers : decision.problem.members.headers;
      expect(headers?.['ratelimit-policy']).toBe('"principal";q=90;w=60');
      const [, r, t] = /^"principal";r=(\d+);t=(\d+)$/.exec(headers?.['ratelimit'] ?? '') ?? [];
      const next = { r: Number(r), t: Number(t) };
      if (next.t <= last.t) expect(next.r).toBeLessThanOrEqual(last.r);
      last = next;
    });
    await world.advanceTo(world.now + 20);
  }
  expect(last.r).toBe(0);
});

it('a lowered limit holds within the window, a raised one helps at the next lease', async () => {
  const world = new World();
  const taker = new SimulatedProcess(world);
  for (let i = 0; i < 40; i++) taker.take([principal(600)], 1, () => undefined);
  await world.advanceTo(10);
  const lowered = await takeUntilRefused(world, taker, [principal(1)]);
  expect(lowered.length).toBeLessThanOrEqual(1 + 600 / 5);
  await world.advanceTo(world.now + 1_100);
  const raised = await takeUntilRefused(world, taker, [principal(900)]);
  expect(40 + lowered.length - 1 + raised.length - 1).toBe(900);
});

it('answers 503 while the database is away, keeps spending what it holds, and recovers', async () => {
  let isAway = false;
  const world = new World(() => (isAway ? null : 1));
  const taker = new SimulatedProcess(world);
  const statuses: number[] = [];
  const take = async (subject: string, ms = 500) => {
    taker.take([{ ...principal(600), subject }], 1, (decision) => {
      statuses.push(decision.admitted ? 200 : decision.problem.status);
    });
    await world.advanceTo(world.now + ms);
  };
  await take('a', 10);
  isAway = true;
  await take('a', 10);
  await take('b', 900);
  isAway = false;
  await take('b');
  expect(statuses).toEqual([200, 200, 503, 200]);
});

it('answers 503 when a lease takes longer than two seconds', async () => {
  const world = new World(() => 5_000);
  const statuses: number[] = [];
  const taker = new SimulatedProcess(world);
  const note = (decision: Decision) => statuses.push(decision.admitted ? 200 : decision.problem.status);
  taker.take([principal(600)], 1, note);
  await world.advanceTo(2_001);
  taker.take([principal(600)], 1, note);
  expect(statuses).toEqual([503, 503]);
  await world.advanceTo(10_500);
  taker.take([principal(600)], 1, note);
  expect(statuses).toEqual([503, 503, 200]);
});

it('asks nothing for a caller without a limit', () => {
  const world = new World();
  new SimulatedProcess(world).take([principal(0)], 1, (decision) => {
    expect(decision).toEqual({ admitted: true, headers: {} });
  });
  expect(world.statements).toBe(0);
});

it('reports an exceeded bucket once an hour', async () => {
  const world = new World();
  const taker = new SimulatedProcess(world);
  const reported: string[] = [];
  taker.limiter.onExceeded(({ name, subject }) => reported.push(`${name} ${subject}`));
  for (let minute = 0; minute < 59; minute++) {
    await takeUntilRefused(world, taker, [principal(1)]);
    await world.advanceTo(world.now + 60_000);
  }
  expect(reported).toEqual(['principal key-1']);
  await world.advanceTo(3_700_000);
  await takeUntilRefused(world, taker, [principal(1)]);
  expect(reported).toHaveLength(2);
});

it('stops using a slice before the window ends, on a clock that is slow by 800 ppm', async () => {
  const world = new World();
  const policy = principal(2_000);
  const bucket = bucketName(policy);
  const [slow, right] = [new SimulatedProcess(world, 0, -0.0008), new SimulatedProcess(world)];
  const start = world.windowOf(bucket, 60);
  while (world.windowOf(bucket, 60) === start) world.now++;
  const [window, begin] = [start + 1, world.now];
  let inNextWindow = 0;
  const count = (decision: Decision) => {
    if (decision.admitted && world.windowOf(bucket, 60) === window + 1) inNextWindow++;
  };
  for (let second = 0; second < 60; second++) {
    await world.advanceTo(begin + second * 1_000);
    slow.take([policy], 1, count);
  }
  await world.advanceTo(begin + 60_000);
  for (let i = 0; i < 2_500; i++) right.take([policy], 1, count);
  await world.advanceTo(begin + 60_010);
  slow.take([policy], 1, count);
  await world.advanceTo(begin + 60_020);
  expect(inNextWindow).toBe(2_000);
});
