import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import type { DatabaseConfig } from '../../../config/app-config.js';
import { TransactionProbe } from '../outbound/transaction-probe.js';
import { Database } from './database.js';
import { Notifications } from './notifications.js';
import type { RoleUrls } from './roles.js';
import { SystemDatabase } from './system-database.js';
import { wireTypes } from './types.js';

/** Connections of the application role and of the staff role; everything else goes through the two doors. */
@Global()
@Module({})
export class DatabaseModule {
  static for(config: DatabaseConfig, urls: RoleUrls): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRoot(connection('app', urls.app, config.pool_size)),
        TypeOrmModule.forRoot(connection('system', urls.system, Math.max(6, Math.ceil(config.pool_size / 2)))),
      ],
      providers: [Database, SystemDatabase, Notifications, { provide: TransactionProbe, useExisting: Database }],
      exports: [Database, SystemDatabase, Notifications, TransactionProbe],
    };
  }
}

function connection(name: string, url: string, poolSize: number): TypeOrmModuleOptions & { name: string } {
  return {
    name,
    type: 'postgres',
    url,
    poolSize,
    autoLoadEntities: name === 'app',
    applicationName: `engawa ${name}`,
    installExtensions: false,
    retryAttempts: 3,
    extra: {
      pipeline: true,
      types: wireTypes,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: 10_000,
    },
  };
}
