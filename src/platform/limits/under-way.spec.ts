import { TooManyUnderWay } from './limits.errors.js';
import { type Release, UnderWay } from './under-way.js';

let underWay: UnderWay;
beforeEach(() => {
  underWay = new UnderWay();
});

function fill(count: number, workspace: string, principal: (i: number) => string): Release[] {
  return Array.from({ length: count }, (_, i) => {
    const entered = underWay.enter(workspace, principal(i));
    if (typeof entered !== 'function') throw new Error(`request ${i} had to wait`);
    return entered;
  });
}

it('lets 50 requests of one principal in, 25 wait, and the next is refused', () => {
  fill(50, 'w', () => 'p');
  for (let i = 0; i < 25; i++) expect(underWay.enter('w', 'p')).toBeInstanceOf(Promise);
  expect(() => underWay.enter('w', 'p')).toThrow(TooManyUnderWay);
  expect(underWay.enter('w', 'other')).toBeInstanceOf(Function);
});

it('lets 200 requests of one workspace in, 100 wait, and the next is refused without holding its place', async () => {
  fill(200, 'w', (i) => `p${i}`);
  const waiting = Array.from({ length: 100 }, (_, i) => underWay.enter('w', `q${i}`));
  for (const entered of waiting) expect(entered).toBeInstanceOf(Promise);
  for (let i = 0; i < 60; i++) expect(() => underWay.enter('w', 'late')).toThrow(TooManyUnderWay);
  expect(underWay.enter('v', 'late')).toBeInstanceOf(Function);
});

it('passes a place on in order of arrival', async () => {
  const [first, second] = fill(50, 'w', () => 'p');
  const order: number[] = [];
  const waits = [1, 2].map(async (n) => {
    const release = await underWay.enter('w', 'p');
    order.push(n);
    return release;
  });
  first?.();
  second?.();
  await Promise.all(waits);
  expect(order).toEqual([1, 2]);
});

it('gives one place for one release, however often it is called', () => {
  const [first] = fill(50, 'w', () => 'p');
  first?.();
  first?.();
  expect(underWay.enter('w', 'p')).toBeInstanceOf(Function);
  expect(underWay.enter('w', 'p')).toBeInstanceOf(Promise);
});

it('lets a caller who went away leave the queue', async () => {
  const [first] = fill(50, 'w', () => 'p');
  const gone = new AbortController();
  const left = underWay.enter('w', 'p', { signal: gone.signal });
  const next = underWay.enter('w', 'p');
  gone.abort();
  await expect(left).rejects.toThrow(TooManyUnderWay);
  first?.();
  expect(await next).toBeInstanceOf(Function);
});

it('says 503 with Retry-After', () => {
  const problem = new TooManyUnderWay('principal', 50);
  expect(problem.status).toBe(503);
  expect(problem.members.headers).toEqual({ 'retry-after': '1' });
});
