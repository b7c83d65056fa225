import { Client, DatabaseError } from 'pg';
import { derivePassword } from '../secrets/secrets.js';

/** The two roles that the process connects as. Neither owns anything, neither can bypass row-level security. */
export interface RoleUrls {
  readonly app: string;
  readonly system: string;
}

/** The database refused to make our roles; the message holds the SQL that an administrator can run. */
export class RolesMissing extends Error {}

/**
 * Makes sure that our roles exist and can sign in. Their passwords are derived from the installation's secret key, so
 * every process of the installation knows them and nobody stores them. Given URLs win.
 */
export async function ensureRoles(
  ownerUrl: string,
  secretKey: string,
  given: Partial<RoleUrls> = {},
): Promise<RoleUrls> {
  const passwords = {
    app: derivePassword(secretKey, 'engawa_app'),
    system: derivePassword(secretKey, 'engawa_system'),
  };
  const urls: RoleUrls = {
    app: given.app || withRole(ownerUrl, 'engawa_app', passwords.app),
    system: given.system || withRole(ownerUrl, 'engawa_system', passwords.system),
  };
  if (await canSignIn(urls)) return urls;
  const sql = rolesSql(passwords, 'current_user');
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    if (await rolesExist(client)) {
      // Another process of this installation may just have made them.
      if (await canSignIn(urls)) return urls;
      throw new RolesMissing(
        'The roles engawa_app and engawa_system of this server have passwords of another secret key. Set ENGAWA_SECRET_KEY to ' +
          'the value of the installation that made them (without it each ENGAWA_DATA_DIR has a key of its own), or set ' +
          'ENGAWA_DATABASE_APP_URL and ENGAWA_DATABASE_SYSTEM_URL to connections of these roles.',
      );
    }
    await client.query(sql);
  } catch (error) {
    if (error instanceof RolesMissing) throw error;
    throw new RolesMissing(
      `DATABASE_URL may not create the roles that Engawa runs as (${error instanceof Error ? error.message : 'refused'}). ` +
        `Ask an administrator of the database to run:\n${rolesSql({ app: '<password>', system: '<password>' }, `"${decodeURIComponent(new URL(ownerUrl).username)}"`)}\n` +
        'and set ENGAWA_DATABASE_APP_URL and ENGAWA_DATABASE_SYSTEM_URL to connections of these roles.',
    );
  } finally {
    await client.end();
  }
  return urls;
}

/** Idempotent, and safe when several processes run it at once (the advisory lock). */
function rolesSql(passwords: RoleUrls, owner: string): string {
  return `
do $roles$
begin
  perform pg_advisory_xact_lock(7239480241);
  if not exists (select from pg_roles where rolname = 'engawa_app') then create role engawa_app; end if;
  if not exists (select from pg_roles where rolname = 'engawa_system') then create role engawa_system; end if;
  if not exists (select from pg_roles where rolname = 'engawa_search') then create role engawa_search nologin; end if;
end $roles$;
alter role engawa_app login noinherit nosuperuser nocreatedb nocreaterole nobypassrls password '${passwords.app}';
alter role engawa_system login noinherit nosuperuser nocreatedb nocreaterole nobypassrls password '${passwords.system}';
alter role engawa_app set idle_in_transaction_session_timeout = '60s';
alter role engawa_system set idle_in_transaction_session_timeout = '60s';
alter role engawa_app set timezone = 'UTC';
alter role engawa_system set timezone = 'UTC';
grant engawa_app to engawa_system;
grant engawa_search to ${owner};`;
}

function withRole(ownerUrl: string, role: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = password;
  return url.toString();
}

/** SQLSTATE class 28: this role may not sign in so. Other failures are thrown: they say nothing about the role. */
async function canSignIn({ app, system }: RoleUrls): Promise<boolean> {
  for (const connectionString of [app, system]) {
    const client = new Client({ connectionString });
    try {
      await client.connect();
    } catch (error) {
      if (error instanceof DatabaseError && error.code?.startsWith('28')) return false;
      throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return true;
}

async function rolesExist(owner: Client): Promise<boolean> {
  const { rowCount } = await owner.query("select from pg_roles where rolname in ('engawa_app', 'engawa_system')");
  return rowCount === 2;
}
