import fc from 'fast-check';
import { type ProgressReport, ProgressReporter } from './progress-reporter.js';

it('sends at most ten reports a second, each further than the last, and always the furthest', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 1_000 }))), (steps) => {
      let now = 0;
      const sent: (ProgressReport & { at: number })[] = [];
      const reporter = new ProgressReporter(
        (report) => sent.push({ ...report, at: now }),
        () => now,
      );
      for (const [pause_ms, done] of steps) {
        now += pause_ms;
        reporter.report(done);
      }
      const beforeEnd = sent.length;
      reporter.flush();
      for (let index = 1; index < sent.length; index++) {
        expect(sent[index]!.progress).toBeGreaterThan(sent[index - 1]!.progress);
        if (index < beforeEnd) expect(sent[index]!.at - sent[index - 1]!.at).toBeGreaterThanOrEqual(100);
      }
      if (steps.length > 0) expect(sent.at(-1)?.progress).toBe(Math.max(...steps.map(([, done]) => done)));
    }),
  );
});
