import { Ajv2020 } from 'ajv/dist/2020.js';
import { Injectable, Module } from '@nestjs/common';
import { type DomainEvent, EVENT_TYPES } from '../../src/contracts/events.js';
import { Database } from '../../src/platform/database/database.js';
import { Consumes } from '../../src/platform/events/consumes.decorator.js';
import { Relay } from '../../src/platform/events/relay.js';
import { type Caller, type Json, startTestApp, type TestApp } from '../support/app.js';
import { Receiver } from '../modules/webhooks/receiver.js';
import { causeEveryEvent, Hopeless, settled } from '../support/every-event.js';

/** Forgets that it has seen an event already. */
@Injectable()
class Forgetful {
  constructor(private readonly db: Database) {}

  @Consumes({ name: 'test.forgetful', types: ['contact.created'] })
  async count(events: readonly DomainEvent[]): Promise<void> {
    await this.db.execute('insert into planted (id) select * from unnest($1::uuid[])', [events.map(({ id }) => id)]);
  }
}

@Module({ providers: [Hopeless, Forgetful] })
class Planted {}

let app: TestApp;
let receiver: Receiver;
let callers: readonly Caller[];
let types: Json[];
beforeAll(async () => {
  receiver = await Receiver.start();
  app = await startTestApp(
    { outbound: { allow_cidrs: ['127.0.0.0/8'], allow_http: true }, webhooks: { retry_schedule_s: '1' } },
    undefined,
    [Planted],
  );
  await app.database.owner.query(
    `create table planted (workspace_id uuid not null, id uuid); select app.protect('planted')`,
  );
  callers = await causeEveryEvent(app, app.workspace, receiver);
  types = (await app.workspace.owner.get('events/types')).body.items;
});
afterAll(async () => {
  await app.close();
  await receiver.stop();
});

const ajv = new Ajv2020({ strict: true, allErrors: true, validateFormats: false, allowUnionTypes: true });

async function eventsOf(type: string): Promise<Json[]> {
  const answers = await Promise.all(callers.map((caller) => caller.get(`events?type=${type}&limit=500`)));
  return answers.flatMap(({ body }) => body.items);
}

it.each(EVENT_TYPES)('%s happens, is in the catalogue, and matches its schema', async (type) => {
  const entry = types.find((known) => known.type === type);
  expect(Object.keys(entry?.schema.properties.data.properties ?? {})).toContain('id');
  const matches = ajv.compile(entry.schema);
  const seen = await eventsOf(type);
  expect(seen.length).toBeGreaterThan(0);
  expect(
    seen.flatMap((event) =>
      matches(event)
        ? []
        : (matches.errors?.map(({ instancePath, message, params }) => [instancePath, message, params]) ?? []),
    ),
  ).toEqual([]);
  expect(matches(entry.example)).toBe(true);
});

it('the schema of an event refuses what the resource does not have', () => {
  const matches = ajv.compile(types.find(({ type }) => type === 'contact.created').schema);
  expect(matches({ ...types[0].example, data: { secret: 'x' } })).toBe(false);
});

it('every consumer that gets each event twice leaves the same behind, and one that forgets is found', async () => {
  const relay = app.app.nest.get(Relay);
  const faults: string[] = [];
  await settled(app);
  for (const { options } of relay.consumers()) {
    if (options.name === 'test.failing') continue;
    const before = await contents();
    await relay.rewind(options.name, new Date(0));
    await settled(app);
    const after = await contents();
    for (const [table, rows] of after) if (before.get(table) !== rows) faults.push(`${options.name} changes ${table}`);
  }
  expect(faults).toEqual(['test.forgetful changes planted']);
  expect(relay.consumers().length).toBeGreaterThan(2);
});

/** Every table with a digest of its rows, but for where the readers of the log stand. */
async function contents(): Promise<Map<string, string>> {
  const { owner } = app.database;
  const { rows: tables } = await owner.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
       and not relispartition and relname not in ('event_cursors', 'scheduled_runs', 'rate_windows') order by relname`,
  );
  const digests = new Map<string, string>();
  for (const { name } of tables) {
    const { rows } = await owner.query<{ digest: string }>(
      `select md5(coalesce(string_agg(t::text, e'\\n' order by t::text), '')) as digest from ${name} t`,
    );
    digests.set(name, rows[0]?.digest ?? '');
  }
  return digests;
}
