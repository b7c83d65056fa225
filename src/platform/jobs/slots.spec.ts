import fc from 'fast-check';
import { Pace, Slots } from './slots.js';

describe('Pace', () => {
  it('lets a job of an unknown or slow kind take a slot, and a quick one a fraction', () => {
    const pace = new Pace();
    expect(pace.cost('new')).toBe(1);
    pace.note('slow', 5_000);
    expect(pace.cost('slow')).toBe(1);
    pace.note('quick', 0);
    expect(pace.cost('quick')).toBe(1 / 25);
    pace.note('middling', 10);
    expect(pace.cost('middling')).toBe(0.5);
  });

  it('forgets a quick past within a few slow runs', () => {
    const pace = new Pace();
    pace.note('kind', 0);
    for (let run = 0; run < 3; run++) pace.note('kind', 100);
    expect(pace.cost('kind')).toBe(1);
    pace.note('other', 0);
    pace.noteSlow('other');
    expect(pace.cost('other')).toBe(1);
  });
});

describe('Slots', () => {
  it('gives a workspace three quarters and a lane a quarter, but at least one', () => {
    expect([new Slots(32).workspace_slots, new Slots(32).laneSlots(undefined)]).toEqual([24, 8]);
    expect([new Slots(1).workspace_slots, new Slots(1).laneSlots(undefined)]).toEqual([1, 1]);
    expect(new Slots(32).laneSlots(1)).toBe(1);
    expect(new Slots(32).laneSlots(100)).toBe(24);
  });

  it('never runs more than its shares, and is as new when all is released', () => {
    const job = fc.record({
      workspace_id: fc.constantFrom('a', 'b', 'c'),
      kind: fc.constantFrom('k', 'l'),
      lane: fc.constantFrom('x', 'y', 'z'),
      cost: fc.constantFrom(1, 0.3, 1 / 25),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(job, { maxLength: 100 }), (concurrency, jobs) => {
        const slots = new Slots(concurrency);
        for (const one of jobs) slots.hold(one, one.cost);
        const running = jobs.filter((one) => {
          const may = slots.mayStart(one, slots.laneSlots(undefined));
          if (may) slots.start(one);
          return may;
        });
        const count = (key: (one: (typeof jobs)[number]) => string, of: string) =>
          running.filter((one) => key(one) === of).length;
        for (const one of running) {
          expect(count(({ workspace_id }) => workspace_id, one.workspace_id)).toBeLessThanOrEqual(
            slots.workspace_slots,
          );
          const lane = ({ workspace_id, kind, lane: name }: typeof one) => `${workspace_id}${kind}${name}`;
          expect(count(lane, lane(one))).toBeLessThanOrEqual(slots.laneSlots(undefined));
        }
        expect(slots.running).toBeLessThanOrEqual(concurrency);
        for (const one of running) slots.end(one);
        for (const one of jobs) slots.release(one, one.cost);
        expect([slots.room, slots.running, slots.heldLanes(), slots.heldWorkspaces()]).toEqual([
          concurrency,
          0,
          [],
          [],
        ]);
      }),
    );
  });
});
