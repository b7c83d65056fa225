import { randomUUID } from 'node:crypto';
import type { Type } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import type { Role } from '../../src/contracts/permissions.js';
import { issueKey } from '../../src/platform/auth/api-key.js';
import { type StartedApp, startApp } from '../../src/start-app.js';
import { createTestDatabase, TEST_SECRET_KEY, type TestDatabase } from './database.js';

/** A workspace with a key for each role. */
export interface TestWorkspace {
  readonly id: string;
  readonly owner: Caller;
  key(role: Role, scopes?: readonly string[]): Promise<Caller>;
}

/** Somebody who calls the API. */
export interface Caller {
  readonly key: string;
  request(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  patch(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  delete(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

/** An answer with its body read. `body` is any JSON, so that tests read it without ceremony. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
  readonly text: string;
}

/** JSON as JSON.parse types it, so that assertions read members freely. */
export type Json = ReturnType<typeof JSON.parse>;

export interface TestApp {
  readonly url: string;
  readonly app: StartedApp;
  readonly database: TestDatabase;
  /** A first workspace, made with the app. */
  readonly workspace: TestWorkspace;
  newWorkspace(): Promise<TestWorkspace>;
  /** Without a credential. */
  readonly anonymous: Caller;
  close(): Promise<void>;
}

type Settings = { readonly [Section in keyof AppConfig]?: Partial<AppConfig[Section]> };

/** Boots the whole product on a database of its own. Rate limits are off unless a test sets them. */
export async function startTestApp(
  settings: Settings = {},
  database?: TestDatabase,
  more: readonly Type[] = [],
): Promise<TestApp> {
  const own = database ?? (await createTestDatabase());
  const config = testConfig(settings);
  const app = await startApp(config, own.urls, TEST_SECRET_KEY, { more });
  const newWorkspace = () => makeWorkspace(own, app.url);
  return {
    url: app.url,
    app,
    database: own,
    workspace: await newWorkspace(),
    newWorkspace,
    anonymous: caller(app.url, ''),
    close: async () => {
      await app.stop();
      if (!database) await own.drop();
    },
  };
}

export function testConfig(settings: Settings = {}): AppConfig {
  const config = new AppConfig();
  Object.assign(config.http, { port: 0, environment: 'test', host: '127.0.0.1' });
  Object.assign(config.telemetry, { log_level: 'error' });
  Object.assign(config.database, { pool_size: 8 });
  Object.assign(config.limits, { principal_per_minute: 0, workspace_per_minute: 0, address_per_minute: 0 });
  for (const [section, values] of Object.entries(settings)) Object.assign(config[section as keyof AppConfig], values);
  return config;
}

async function makeWorkspace({ owner }: TestDatabase, url: string): Promise<TestWorkspace> {
  const id = randomUUID();
  await owner.query('insert into workspaces (id, name, slug) values ($1, $2, $3)', [id, 'Test', `w-${id}`]);
  const key = async (role: Role, scopes: readonly string[] | null = null): Promise<Caller> => {
    const issued = issueKey();
    await owner.query(
      'insert into api_keys (workspace_id, name, prefix, secret_sha256, role, scopes) values ($1, $2, $3, $4, $5, $6)',
      [id, `${role} key`, issued.prefix, issued.secret_sha256, role, scopes],
    );
    return caller(url, issued.text);
  };
  return { id, owner: await key('owner'), key };
}

export function caller(url: string, key: string): Caller {
  const request = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const response = await fetch(`${url}${path.startsWith('/') ? path : `/api/v1/${path}`}`, {
      method,
      headers: {
        ...(key !== '' && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && {
        body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
      }),
      redirect: 'manual',
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : null,
    };
  };
  return {
    key,
    request,
    get: (path, headers) => request('GET', path, undefined, headers),
    post: (path, body = {}, headers) => request('POST', path, body, headers),
    patch: (path, body = {}, headers) => request('PATCH', path, body, headers),
    delete: (path, headers) => request('DELETE', path, undefined, headers),
  };
}
