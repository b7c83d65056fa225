import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { DomainEvent, EventType } from '../../src/contracts/events.js';
import { Consumes } from '../../src/platform/events/consumes.decorator.js';
import { Relay } from '../../src/platform/events/relay.js';
import { Handles } from '../../src/platform/jobs/handles.decorator.js';
import type { Job, JobEnd } from '../../src/platform/jobs/job.js';
import { ParkedJobs } from '../../src/platform/jobs/parked-jobs.js';
import { Workers } from '../../src/platform/jobs/workers.js';
import { ExceededReports } from '../../src/platform/limits/exceeded-reports.js';
import { type Answer, type Caller, caller, type Json, type TestApp, type TestWorkspace } from './app.js';
import type { Receiver } from '../modules/webhooks/receiver.js';
import { until } from './until.js';

/** Bears nothing, so that the relay and the workers have something to give up on. */
@Injectable()
export class Hopeless {
  @Consumes({ name: 'test.failing', types: ['company.restored'] })
  see(events: readonly DomainEvent[]): Promise<void> {
    return Promise.reject(new Error(`cannot bear ${events[0]?.subject}`));
  }

  @Handles('test.hopeless')
  work(job: Job): Promise<JobEnd> {
    return Promise.resolve(job.park('the sky fell'));
  }
}

/**
 * Lives through everything that can happen in a workspace: every type of event of the vocabulary is in its log afterwards.
 * A new type adds what causes it here. The app has {@link Hopeless}, one retry of a delivery, and may call the receiver.
 * @returns the callers whose workspaces have seen it.
 */
export async function causeEveryEvent(
  app: TestApp,
  workspace: TestWorkspace,
  receiver: Receiver,
): Promise<readonly Caller[]> {
  const { owner } = workspace;
  await app.app.nest.get(Relay).drain();
  // Is there before what it is told of, and stays.
  await register(owner, receiver, 'contact.restored');
  const { id: userId } = await made(
    owner.post('workspace/members', { email: `m-${randomUUID()}@example.com`, role: 'viewer' }),
  );
  await causeRecordEvents(workspace, userId);
  await causeIngestEvents(app, workspace);
  const founder = await causeAccessEvents(app, workspace, userId);
  await causeJobEvents(app, workspace);
  await causeWebhookEvents(app, workspace, receiver);
  await causeParkedConsumer(app);
  await app.app.nest.get(Relay).drain();
  return [owner, founder];
}

async function causeRecordEvents({ owner }: TestWorkspace, ownerUserId: string): Promise<void> {
  const company = { name: 'Engines', domain: 'engines.example.com', annual_revenue: '12.5', currency: 'GBP' };
  const { id: companyId } = await made(owner.post('companies', company));
  const contact = { first_name: 'Ada', email: 'ada@example.com', phone: '+41446681800', tags: ['vip'] };
  const { id: contactId } = await made(owner.post('contacts', { ...contact, company_id: companyId }));
  for (const path of [`contacts/${contactId}`, `companies/${companyId}`]) {
    await made(owner.patch(path, { external_id: 'x-1', owner_user_id: ownerUserId, attributes: { rank: 1 } }));
    await made(owner.delete(path));
    await made(owner.post(`${path}/restore`));
  }
}

async function causeIngestEvents(app: TestApp, { id, owner }: TestWorkspace): Promise<void> {
  const rows = Array.from({ length: 1_200 }, (_row, n) => `Ada,ada-${n}@example.com`).join('\n');
  const take = (payload: string) => made(owner.post('ingest', { source: 'life', payload }));
  await take(`First Name,Email\n${rows}`);
  await finished(app, id);
  // Runs that nobody works on: one is stopped, the caller of the other is gone.
  const waiting = async (): Promise<string> => {
    const { rows: made } = await app.database.owner.query<{ id: string }>(
      `insert into ingest_runs (workspace_id, source, size_bytes, sha256, fingerprint, actor)
       values ($1, 'life', 0, '', '', '{}') returning id`,
      [id],
    );
    return made[0]?.id ?? '';
  };
  await made(owner.post(`ingest/runs/${await waiting()}/cancel`));
  const gone = { type: 'api_key', id: randomUUID(), name: 'gone' };
  await app.database.owner.query(
    `insert into jobs (workspace_id, kind, lane, actor, via, state, payload)
     values ($1, 'ingest.run', 'ingest.run', $2, 'rest', 'ready', $3)`,
    [id, gone, { run_id: await waiting() }],
  );
  await finished(app, id);
}

/** @returns the owner of another workspace, which tells of its own beginning. */
async function causeAccessEvents(
  app: TestApp,
  { owner, ...workspace }: TestWorkspace,
  userId: string,
): Promise<Caller> {
  await made(owner.patch('workspace', { name: 'Renamed', settings: { currency: 'EUR' } }));
  await made(owner.request('PUT', 'workspace/limits', { principal_per_minute: 10_000 }));
  const { owner_key } = await made(
    owner.post('workspaces', { name: 'Another', slug: `w-${randomUUID().slice(0, 8)}-x` }),
  );
  const keys = 'workspace/api-keys';
  const { id: keyId } = await made(owner.post(keys, { name: 'life', role: 'viewer', scopes: ['contacts:read'] }));
  await made(owner.patch(`${keys}/${keyId}`, { name: 'long life' }));
  await made(owner.post(`${keys}/${keyId}/rotate`));
  await made(owner.delete(`${keys}/${keyId}`));
  const connections = 'workspace/sso-connections';
  const { id: connectionId } = await made(
    owner.post(connections, { name: 'Login', issuer: 'https://login.example.com', audiences: [randomUUID()] }),
  );
  await made(owner.patch(`${connections}/${connectionId}`, { is_enabled: false }));
  await made(owner.delete(`${connections}/${connectionId}`));
  await made(owner.patch(`workspace/members/${userId}`, { role: 'member' }));
  await made(owner.delete(`workspace/members/${userId}`));
  const limited = await workspace.key('viewer');
  await app.database.owner.query('update api_keys set burst = $2 where prefix = $1', [
    limited.key.split('_')[1],
    { q: 1, w: 10 },
  ]);
  await until('a caller is refused', async () => (await limited.get('contacts')).status === 429);
  await app.app.nest.get(ExceededReports).drain();
  return caller(app.url, owner_key);
}

async function causeJobEvents(app: TestApp, { id: workspace_id, owner }: TestWorkspace): Promise<void> {
  const actor = { type: 'system', id: null, name: 'Engawa' };
  const insert = async (kind: string, parked_at: string | null) => {
    const { rows } = await app.database.owner.query<{ id: string }>(
      `insert into jobs (workspace_id, kind, lane, actor, via, state, parked_at, last_error)
       values ($1, $2, $2, $3, 'system', $4, $5, 'the sky fell') returning id`,
      [workspace_id, kind, actor, parked_at ? 'parked' : 'ready', parked_at],
    );
    return rows[0]?.id ?? '';
  };
  const today = new Date().toISOString();
  await made(owner.post(`jobs/${await insert('test.unhandled', today)}/retry`));
  await made(owner.delete(`jobs/${await insert('test.unhandled', today)}`));
  await insert('test.unhandled', '2020-01-01T00:00:00Z');
  await app.app.nest.get(ParkedJobs).expire();
  await insert('test.hopeless', null);
  await app.app.nest.get(Workers).drain();
}

async function causeWebhookEvents(app: TestApp, { owner }: TestWorkspace, receiver: Receiver): Promise<void> {
  const path = `webhooks/${(await register(owner, receiver, 'contact.created')).id}`;
  await made(owner.post(`${path}/secrets`));
  receiver.answer(500);
  await made(owner.post('contacts', { first_name: 'Lost' }));
  await settled(app);
  receiver.reset();
  await made(owner.post('contacts', { first_name: 'Found' }));
  await settled(app);
  await made(owner.patch(path, { is_active: false }));
  await made(owner.delete(path));
}

function register(owner: Caller, { url }: Receiver, type: EventType): Promise<Json> {
  return made(owner.post('webhooks', { name: type, url, event_types: [type] }));
}

/** Waits until the log is read and every job is done, also those of later. */
export async function settled(app: TestApp): Promise<void> {
  await app.app.nest.get(Relay).drain();
  await app.app.nest.get(Workers).drain({ all: true });
  await until('nothing is under way', async () => {
    const { rows } = await app.database.owner.query<{ count: number }>(
      `select count(*)::int as count from jobs where state <> 'parked' and kind not like 'test.%'`,
    );
    return rows[0]?.count === 0;
  });
}

async function causeParkedConsumer(app: TestApp): Promise<void> {
  const relay = app.app.nest.get(Relay);
  await relay.drain();
  await app.database.owner.query('update event_retries set attempts = 5, run_at = now()');
  await relay.drain();
}

async function finished(app: TestApp, workspaceId: string): Promise<void> {
  await app.app.nest.get(Workers).drain();
  await until('every run is over', async () => {
    const { rows } = await app.database.owner.query<{ count: number }>(
      'select count(*)::int as count from ingest_runs where workspace_id = $1 and finished_at is null',
      [workspaceId],
    );
    return rows[0]?.count === 0;
  });
}

async function made(answer: Promise<Answer>): Promise<Json> {
  const { status, text, body } = await answer;
  if (status >= 300) throw new Error(`answered ${status}: ${text}`);
  return body;
}
