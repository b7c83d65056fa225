import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { AppConfig } from '../config/app-config.js';
import { issueKey } from '../src/platform/auth/api-key.js';
import { type PreparedDatabase, prepareDatabase } from '../src/platform/database/prepare-database.js';
import { type ServerProcess, startServer } from './children.js';
import { SEED } from './contact-rows.js';

/** One of those that are compared, with a database of its own on the one PostgreSQL. */
export interface Contender {
  readonly name: ContenderName;
  readonly server: ServerProcess;
  /** As the owner, for restoring and counting. */
  readonly owner: pg.Pool;
}

export type ContenderName = 'engawa' | 'http' | 'express';

const SECRET_KEY = 'the installation key of the benchmarks';
/** Connections of requests, the same for all. */
const POOL_SIZE = 16;
/** So high that the limiter counts every request and refuses none. */
const NO_PRESSURE = '100000000';
const SEEDED_CONTACTS = 10_000;

/**
 * Everything stands on one PostgreSQL with the settings of the product (durable commits included). Each contender has a
 * copy of one seeded database, so that what one writes neither slows nor helps another.
 */
export class Stage {
  readonly workspace_id = randomUUID();
  readonly key = issueKey();
  readonly secret_key = SECRET_KEY;
  readonly ids: string[] = [];
  readonly contenders: Contender[] = [];
  postgres_version = '';

  private constructor(
    private readonly data_dir: string,
    readonly database: PreparedDatabase,
  ) {}

  /** @param profile_dir where Engawa leaves a CPU profile when it ends; null for none. */
  static async set(profile_dir: string | null): Promise<Stage> {
    const data_dir = mkdtempSync(join(tmpdir(), 'engawa-bench-'));
    const config = Object.assign(new AppConfig().database, { data_dir });
    const stage = new Stage(data_dir, await prepareDatabase(config, SECRET_KEY));
    try {
      await stage.seed();
      await stage.start(profile_dir);
      return stage;
    } catch (error) {
      await stage.strike();
      throw error;
    }
  }

  get engawa(): Contender {
    const [engawa] = this.contenders;
    if (!engawa) throw new Error('nothing is on the stage');
    return engawa;
  }

  async stopServers(): Promise<void> {
    await Promise.all(this.contenders.map(({ server }) => server.stop()));
  }

  /** Takes away what creates wrote, and the traces of both. */
  async restore({ owner }: Contender): Promise<void> {
    await owner.query('delete from contacts where external_id is null');
    await owner.query('delete from search_documents s where not exists (select from contacts c where c.id = s.id)');
    await owner.query('truncate events, event_subjects, event_retries');
    await owner.query('vacuum contacts, subjects, lookup_keys, search_documents');
    await owner.query('checkpoint');
  }

  /** Empty tables for an ingest. */
  async clear({ owner }: Contender): Promise<void> {
    await owner.query(
      'truncate contacts, search_documents, lookup_keys, subjects, events, event_subjects, event_retries, ingest_rows cascade',
    );
    await owner.query('checkpoint');
  }

  async strike(): Promise<void> {
    await this.stopServers();
    await Promise.all(this.contenders.map(({ owner }) => owner.end()));
    await this.database.stop();
    rmSync(this.data_dir, { recursive: true, force: true });
  }

  private async seed(): Promise<void> {
    const owner = new pg.Client({ connectionString: this.database.owner_url });
    await owner.connect();
    const { workspace_id, key } = this;
    await owner.query("insert into workspaces (id, name, slug) values ($1, 'Bench', 'bench')", [workspace_id]);
    await owner.query(
      "insert into api_keys (workspace_id, name, prefix, secret_sha256, role) values ($1, 'Bench', $2, $3, 'owner')",
      [workspace_id, key.prefix, key.secret_sha256],
    );
    await owner.query(SEED, [workspace_id, SEEDED_CONTACTS]);
    const { rows } = await owner.query<{ id: string }>('select id from contacts');
    this.ids.push(...rows.map(({ id }) => id));
    const version = await owner.query<{ server_version: string }>('show server_version');
    this.postgres_version = version.rows[0]?.server_version ?? '';
    await owner.query('vacuum analyze');
    await owner.end();
  }

  private async start(profile_dir: string | null): Promise<void> {
    const own = this.database.owner_url;
    const copies = { http: await this.copy('http'), express: await this.copy('express') };
    const log = (name: string) => join(this.data_dir, `${name}.log`);
    const engawa = await startServer({
      script: '../src/main.js',
      env: {
        DATABASE_URL: own,
        PORT: '0',
        HOST: '127.0.0.1',
        LOG_LEVEL: 'info',
        ENGAWA_SECRET_KEY: SECRET_KEY,
        ENGAWA_DATA_DIR: join(this.data_dir, 'files'),
        ENGAWA_DATABASE_POOL_SIZE: String(POOL_SIZE),
        ENGAWA_LIMIT_PRINCIPAL: NO_PRESSURE,
        ENGAWA_LIMIT_WORKSPACE: NO_PRESSURE,
      },
      log_file: log('engawa'),
      node_options: profile_dir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile_dir}`],
    });
    this.contenders.push({ name: 'engawa', server: engawa, owner: ownerPool(own) });
    for (const name of ['http', 'express'] as const) {
      const server = await startServer({
        script: 'peers.js',
        args: [name],
        env: {
          DATABASE_URL: copies[name],
          BENCH_WORKSPACE: this.workspace_id,
          BENCH_POOL_SIZE: String(POOL_SIZE),
        },
        log_file: log(name),
      });
      this.contenders.push({ name, server, owner: ownerPool(copies[name]) });
    }
  }

  /** A copy of the seeded database. */
  private async copy(name: string): Promise<string> {
    const url = new URL(this.database.owner_url);
    const seeded = url.pathname.slice(1);
    url.pathname = '/postgres';
    const client = new pg.Client({ connectionString: url.toString() });
    await client.connect();
    await client.query(`create database bench_${name} template ${seeded}`);
    await client.end();
    url.pathname = `/bench_${name}`;
    const owner = new pg.Client({ connectionString: url.toString() });
    await owner.connect();
    await owner.query('vacuum analyze');
    await owner.end();
    return url.toString();
  }
}

function ownerPool(connectionString: string): pg.Pool {
  return new pg.Pool({ connectionString, max: 4 }).on('error', () => undefined);
}
