import { issueKey } from '../../src/platform/auth/api-key.js';
import { bucketName } from '../../src/platform/limits/lease-store.js';
import type { Answer, Caller } from '../support/app.js';
import { type Installation, newInstallation, type ServerProcess } from '../support/server-process.js';

const LIMIT = 100;
/** What a limit may fall short of when two processes share it, with room for a slice that was just given back. */
const AT_LEAST = 98;

/** A key with the limit, at both instances. The first answer tells how long its window lasts. */
interface LimitedKey {
  readonly callers: readonly Caller[];
  readonly left_s: number;
}

let installation: Installation;
/** By what is left of their windows, which end at times of their own. One request of each is spent. */
let keys: LimitedKey[];

beforeAll(async () => {
  installation = await newInstallation({ ENGAWA_LIMIT_ADDRESS: '0' });
  const servers = await Promise.all([installation.start(), installation.start()]);
  keys = await Promise.all(Array.from({ length: 20 }, () => limitedKey(servers)));
  keys.sort((one, other) => one.left_s - other.left_s);
}, 90_000);

afterAll(() => installation.remove(), 60_000);

async function limitedKey(servers: readonly ServerProcess[]): Promise<LimitedKey> {
  const key = issueKey();
  await installation.database.owner.query(
    `insert into api_keys (workspace_id, name, prefix, secret_sha256, role, rate_limit_per_minute)
     values ($1, 'limited', $2, $3, 'member', $4)`,
    [await installation.workspaceId(), key.prefix, key.secret_sha256, LIMIT],
  );
  const callers = servers.map((server) => server.as(key.text));
  const first = await callers[0]?.get('contacts');
  expect(first?.status).toBe(200);
  return { callers, left_s: first ? left_s(first) : 0 };
}

/** Seconds to the end of the window, as an answer tells them. */
function left_s({ headers }: Answer): number {
  return Number(/;t=(\d+)$/.exec(headers.get('ratelimit') ?? '')?.[1]);
}

/** Asks both instances, 20 requests at a time, until enough is known. */
async function load(callers: readonly Caller[], isEnough: (answers: readonly Answer[]) => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  const ask = async (caller: Caller): Promise<void> => {
    while (!isEnough(answers)) answers.push(await caller.get('contacts?limit=1'));
  };
  await Promise.all(callers.flatMap((caller) => Array.from({ length: 10 }, () => ask(caller))));
  return answers;
}

const admitted = (answers: readonly Answer[]): Answer[] => answers.filter(({ status }) => status === 200);
const refused = (answers: readonly Answer[]): Answer[] => answers.filter(({ status }) => status === 429);

it('of 400 requests at two instances in one window 100 are admitted, the others are told when to come back', async () => {
  const { callers, left_s: atFirst } = keys.at(-1) ?? { callers: [], left_s: 0 };
  const answers = await load(callers, ({ length }) => length >= 400);
  expect(Math.max(...answers.map(left_s))).toBeLessThanOrEqual(atFirst);
  expect(admitted(answers).length + refused(answers).length).toBe(answers.length);
  // One more was admitted before.
  expect(admitted(answers).length).toBeLessThanOrEqual(LIMIT - 1);
  expect(admitted(answers).length).toBeGreaterThanOrEqual(AT_LEAST - 1);
  for (const { headers } of admitted(answers)) {
    expect(headers.get('ratelimit-policy')).toBe('"principal";q=100;w=60, "workspace";q=6000;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"principal";r=\d+;t=\d+$/);
  }
  for (const answer of refused(answers)) {
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('ratelimit-policy')).toContain('"principal";q=100;w=60');
    expect(answer.headers.get('ratelimit')).toMatch(/^"principal";r=0;t=\d+$/);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(answer.body).toMatchObject({ status: 429, policy: 'principal', limit: LIMIT, window_s: 60 });
  }
});

it('at the turn of a window both instances together admit 100 before it and 100 after it', async () => {
  const { callers, left_s: atFirst } = keys[0] ?? { callers: [], left_s: 0 };
  const isOfNext = (answer: Answer): boolean => left_s(answer) > atFirst + 1;
  const answers = await load(callers, (known) => refused(known.slice(-5_000)).filter(isOfNext).length >= 100);
  const before = admitted(answers).filter((answer) => !isOfNext(answer)).length;
  const after = admitted(answers).filter(isOfNext).length;
  expect(before).toBeLessThanOrEqual(LIMIT - 1);
  expect(after).toBeLessThanOrEqual(LIMIT);
  expect(after).toBeGreaterThanOrEqual(AT_LEAST);
}, 90_000);

it('the database has granted no window of these keys more than the limit', async () => {
  const { rows } = await installation.database.owner.query<{ id: string }>(
    `select id from api_keys where name = 'limited'`,
  );
  const buckets = rows.map(({ id }) => bucketName({ name: 'principal', w: 60, subject: id }));
  expect(await installation.count('rate_windows where bucket = any($1)', [buckets])).toBeGreaterThanOrEqual(
    buckets.length,
  );
  expect(await installation.count('rate_windows where bucket = any($1) and granted > $2', [buckets, LIMIT])).toBe(0);
});
