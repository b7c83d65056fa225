import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { migrations } from '../../../migrations/index.js';

const MIGRATION_LOCK = 7_239_480_242;

/**
 * Brings the schema up to date as the owner. Any number of processes may start together: an advisory lock lets one work
 * while the others wait and then find nothing to do.
 * @returns the names of the migrations that ran.
 */
export async function migrate(ownerUrl: string): Promise<string[]> {
  const lock = new Client({ connectionString: ownerUrl });
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const source = await new DataSource({
      type: 'postgres',
      url: ownerUrl,
      migrations,
      migrationsTableName: 'engawa_migrations',
      poolSize: 1,
    }).initialize();
    try {
      const done = await source.runMigrations({ transaction: 'each' });
      return done.map((migration) => migration.name);
    } finally {
      await source.destroy();
    }
  } finally {
    await lock.end();
  }
}

/** True when every migration of this build has run. */
export const MIGRATION_COUNT = migrations.length;
