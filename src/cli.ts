#!/usr/bin/env node
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { clientSettings } from '../config/client-settings.js';
import { loadConfig } from '../config/load-config.js';
import { ApiClient, ApiProblem, type CallOptions, Unreachable, UsageError } from './cli/api-client.js';
import { ingestFile, type IngestFileOptions } from './cli/ingest-file.js';
import { Output, table } from './cli/output.js';
import { readEventStream } from './cli/read-event-stream.js';

/** Options of every command that speaks to a server. */
interface Shared {
  readonly url?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Wait before a stream that broke off is opened again. */
const RECONNECT_MS = 1_000;

const program = new Command('engawa')
  .description('One shared context for a company and its agents.')
  .option('--url <url>', 'the server (default: ENGAWA_URL, else http://127.0.0.1:3000)')
  .option('--key <key>', 'an API key (default: ENGAWA_KEY)')
  .option('--json', 'answer in JSON')
  .showHelpAfterError()
  .showSuggestionAfterError();

const connect = (): { api: ApiClient; output: Output } => {
  const shared = program.opts<Shared>();
  return { api: ApiClient.from(shared, clientSettings()), output: new Output(shared.json ?? false) };
};

program
  .command('start')
  .description('start the server')
  .action(async () => {
    await import('./main.js');
  });

program
  .command('migrate')
  .description('bring the schema of the database up to date, and nothing else')
  .action(async () => {
    const { prepareDatabase } = await import('./platform/database/prepare-database.js');
    const { installationKey } = await import('./platform/secrets/installation-key.js');
    const { database } = loadConfig();
    const prepared = await prepareDatabase(database, installationKey(database.secret_key, database.data_dir));
    await prepared.stop();
    new Output(program.opts<Shared>().json ?? false).result({ migrated: prepared.migrated }, () =>
      prepared.migrated.length === 0 ? ['The schema is up to date.'] : prepared.migrated.map((name) => `ran ${name}`),
    );
  });

const key = program.command('key').description('API keys of the workspace');

interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly role: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly key?: string;
}

key
  .command('create <name>')
  .description('issue a key; it is shown once')
  .option('--role <role>', 'viewer, member, admin or owner', 'member')
  .option('--scopes <list>', 'permissions that narrow the role, comma-separated')
  .option('--expires <time>', 'RFC 3339 time')
  .action(async (name: string, options: { role: string; scopes?: string; expires?: string }) => {
    const { api, output } = connect();
    const json = {
      name,
      role: options.role,
      ...(options.scopes !== undefined && { scopes: options.scopes.split(',') }),
      ...(options.expires !== undefined && { expires_at: options.expires }),
    };
    const made = await api.call<ApiKey>('/workspace/api-keys', { method: 'POST', json });
    output.result(made, () => [`${made.key}`, `id ${made.id}, role ${made.role}. The key is not shown again.`]);
  });

key
  .command('list')
  .description('show the keys, without their secrets')
  .action(async () => {
    const { api, output } = connect();
    const keys = await all<ApiKey>(api, '/workspace/api-keys');
    output.result(keys, () =>
      table([
        ['ID', 'NAME', 'PREFIX', 'ROLE', 'LAST USED', 'STATE'],
        ...keys.map((one) => [
          one.id,
          one.name,
          one.prefix,
          one.role,
          one.last_used_at ?? 'never',
          one.revoked_at === null ? 'active' : 'revoked',
        ]),
      ]),
    );
  });

key
  .command('revoke <id>')
  .description('end a key at once')
  .action(async (id: string) => {
    const { api, output } = connect();
    await api.call(`/workspace/api-keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
    output.result({ id, revoked: true }, () => [`${id} is revoked.`]);
  });

program
  .command('ingest <file>')
  .description('bring in a file; the same file twice changes nothing')
  .option('--source <name>', 'where the data comes from (default: the file name)')
  .option('--entity <entity>', 'contact or company (default: the columns tell)')
  .option('--format <format>', 'csv, json, ndjson, vcard (default: found out)')
  .option('--mapping <file>', 'a JSON file: source column -> target field')
  .option('--dry-run', 'do everything but write')
  .option('--again', 'run the same file once more within 24 hours')
  .action(async (file: string, options: IngestFileOptions) => {
    const { api, output } = connect();
    process.exitCode = await ingestFile(api, output, file, options);
  });

program
  .command('search <words...>')
  .description('find contacts and companies')
  .option('--limit <n>', 'at most so many of each', '20')
  .action(async (words: string[], options: { limit: string }) => {
    const { api, output } = connect();
    const query = { q: words.join(' '), limit: options.limit };
    type Found = { items: { id: string; name: string; email?: string | null; domain?: string | null }[] };
    const [contacts, companies] = await Promise.all([
      api.call<Found>('/contacts', { query }),
      api.call<Found>('/companies', { query }),
    ]);
    output.result({ contacts: contacts.items, companies: companies.items }, () => {
      const rows = [
        ...contacts.items.map((one) => ['contact', one.id, one.name, one.email ?? '']),
        ...companies.items.map((one) => ['company', one.id, one.name, one.domain ?? '']),
      ];
      return rows.length === 0 ? ['Nothing found.'] : table(rows);
    });
  });

program
  .command('events')
  .description('the log of everything that happened, newest first')
  .option('--follow', 'stay and show events as they happen')
  .option('--types <list>', 'such as contact.*,ingest.completed')
  .option('--limit <n>', 'how many', '20')
  .action(async (options: { follow?: boolean; types?: string; limit: string }) => {
    const { api, output } = connect();
    interface Shown {
      readonly id: string;
      readonly type: string;
      readonly time: string;
      readonly subject: string;
      readonly actor: { readonly name: string };
    }
    const show = (event: Shown): void =>
      output.line(event, `${event.time}  ${event.type.padEnd(22)}  ${event.subject}  ${event.actor.name}`);
    if (!options.follow) {
      const query: CallOptions['query'] = { limit: options.limit, ...(options.types && { 'type.in': options.types }) };
      const page = await api.call<{ items: Shown[] }>('/events', { query });
      page.items.forEach(show);
      return;
    }
    for (let last = '', isKnown = false; ; await delay(RECONNECT_MS)) {
      try {
        const response = await api.send('/events/stream', {
          query: { types: options.types },
          headers: last === '' ? {} : { 'last-event-id': last },
        });
        isKnown = true;
        if (!response.body) return;
        for await (const { id, event, data } of readEventStream(response.body)) {
          if (event === 'closed') throw new UsageError(`The stream was closed: ${data}`);
          if (id === '') continue;
          last = id;
          show(JSON.parse(data) as Shown);
        }
      } catch (error) {
        // A server that stops or restarts is waited for; a mistake, or one that was never there, is not.
        const isFinal =
          error instanceof ApiProblem
            ? error.status < 500
            : error instanceof UsageError && !(error instanceof Unreachable);
        if (isFinal || !isKnown) throw error;
      }
    }
  });

/** Every page of a list. */
async function all<Item>(api: ApiClient, path: string): Promise<Item[]> {
  const found: Item[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await api.call<{ items: Item[]; next_cursor: string | null }>(path, {
      query: { limit: '500', cursor },
    });
    found.push(...page.items);
    if (page.next_cursor === null) return found;
    cursor = page.next_cursor;
  }
}

try {
  await program.parseAsync();
} catch (error) {
  const { json } = program.opts<Shared>();
  if (json && error instanceof ApiProblem) process.stdout.write(`${JSON.stringify(error.problem)}\n`);
  const isExpected = error instanceof UsageError || error instanceof ApiProblem;
  const message = isExpected ? error.message : (await import('./start-failure.js')).startFailure(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = error instanceof ApiProblem ? 2 : 1;
}
