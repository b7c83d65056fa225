import { type DynamicModule, Global, Module, type Provider, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AppConfig, HttpConfig } from '../../../config/app-config.js';
import { Context } from '../../../src/platform/context/context.js';
import { type Principal, systemPrincipal } from '../../../src/platform/context/principal.js';
import { Database } from '../../../src/platform/database/database.js';
import { DatabaseModule } from '../../../src/platform/database/database.module.js';
import { Events } from '../../../src/platform/events/events.js';
import { EventsModule } from '../../../src/platform/events/events.module.js';
import type { TestDatabase } from '../../support/database.js';

/** What the log needs of other rooms. */
@Global()
@Module({})
class OtherRooms {
  static with(providers: readonly Provider[]): DynamicModule {
    const all = [Context, HttpConfig, ...providers];
    const exports = all.map((provider) => (typeof provider === 'function' ? provider : provider.provide));
    return { module: OtherRooms, providers: all, exports };
  }
}

/** One process of the installation, as far as the log is concerned: the rooms it needs, without HTTP. */
export interface LogProcess {
  readonly module: TestingModule;
  readonly db: Database;
  readonly events: Events;
  readonly context: Context;
  /** Runs work as somebody of a workspace, in one transaction. */
  as<T>(workspace_id: string, work: () => Promise<T> | T, principal?: Principal): Promise<T>;
  get<T>(type: Type<T>): T;
  close(): Promise<void>;
}

/** Starts such a process on a test database; `providers` bring consumers, `others` what other rooms would provide. */
export async function startLogProcess(
  database: TestDatabase,
  providers: readonly Type[] = [],
  pool_size = 8,
  others: readonly Provider[] = [],
): Promise<LogProcess> {
  const config = Object.assign(new AppConfig().database, { pool_size });
  const module = await Test.createTestingModule({
    imports: [OtherRooms.with(others), DatabaseModule.for(config, database.urls), EventsModule],
    providers: [...providers],
  }).compile();
  module.useLogger(false);
  await module.init();
  const context = module.get(Context, { strict: false });
  const db = module.get(Database, { strict: false });
  return {
    module,
    context,
    db,
    events: module.get(Events, { strict: false }),
    as: (workspace_id, work, principal = systemPrincipal(workspace_id)) =>
      context.runAs(principal, { via: 'rest' }, () => db.transaction(async () => work())),
    get: (type) => module.get(type, { strict: false }),
    close: () => module.close(),
  };
}
