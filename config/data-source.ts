import { DataSource } from 'typeorm';
import { migrations } from '../migrations/index.js';
import { loadConfig } from './load-config.js';

/** For the TypeORM command line, as the owner of the schema. */
export const dataSource = new DataSource({
  type: 'postgres',
  url: loadConfig().database.url,
  migrations,
  migrationsTableName: 'engawa_migrations',
});
