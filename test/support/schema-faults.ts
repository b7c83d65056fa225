import type { Pool } from 'pg';

/** Reads the catalogue of a database and names every place where the wall between workspaces has a hole. */
export async function schemaFaults(owner: Pool): Promise<string[]> {
  const faults = await Promise.all(
    CHECKS.map(async (sql) => (await owner.query<{ fault: string }>(sql)).rows.map((row) => row.fault)),
  );
  return faults.flat().sort();
}

/** Ordinary and partitioned tables, partitions included, of the public schema. */
const TABLES = `
  select c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
         exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped) as has_workspace
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')`;

const CHECKS = [
  `select format('table %s has a workspace_id but no forced row level security: call app.protect', relname) as fault
   from (${TABLES}) t where has_workspace and not (relrowsecurity and relforcerowsecurity)`,

  `select format('table %s has no policy that compares the workspace with USING and WITH CHECK', relname) as fault
   from (${TABLES}) t where has_workspace and not exists (
     select from pg_policy p where p.polrelid = t.oid and p.polcmd = '*' and p.polroles = '{0}'
       and pg_get_expr(p.polqual, p.polrelid) like '%app.workspace_id()%'
       and pg_get_expr(p.polwithcheck, p.polrelid) like '%app.workspace_id()%')`,

  `select format('table %s: workspace_id may be null or has no default', relname) as fault
   from (${TABLES}) t join pg_attribute a on a.attrelid = t.oid and a.attname = 'workspace_id'
   where not t.relispartition and (not a.attnotnull or not a.atthasdef)`,

  `select format('table %s has a policy for %s, which only engawa_system and engawa_search may have', t.relname, r.rolname) as fault
   from (${TABLES}) t join pg_policy p on p.polrelid = t.oid join pg_roles r on r.oid = any (p.polroles)
   where r.rolname not in ('engawa_system', 'engawa_search')`,

  `select format('foreign key %s of %s does not carry the workspace', k.conname, s.relname) as fault
   from pg_constraint k join (${TABLES}) s on s.oid = k.conrelid join (${TABLES}) t on t.oid = k.confrelid
   where k.contype = 'f' and s.has_workspace and t.has_workspace and t.relname <> 'workspaces' and not exists (
     select from unnest(k.conkey, k.confkey) as pair (ours, theirs)
     join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.ours and a.attname = 'workspace_id'
     join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.theirs and b.attname = 'workspace_id')`,

  // Besides these keys, that name a credential before its workspace is known, uniqueness across workspaces tells what others have.
  `select format('unique constraint %s of %s does not carry the workspace', k.conname, t.relname) as fault
   from pg_constraint k join (${TABLES}) t on t.oid = k.conrelid
   where k.contype in ('p', 'u') and t.has_workspace and not t.relispartition
     and k.conname not in ('api_keys_prefix_key', 'sso_audiences_pkey', 'sso_connections_id_key', 'event_cursors_pkey', 'jobs_pkey')
     and not exists (select from unnest(k.conkey) as n join pg_attribute a on a.attrelid = t.oid and a.attnum = n and a.attname = 'workspace_id')`,

  `select format('view %s is not security_invoker', relname) as fault from pg_class
   where relnamespace in ('public'::regnamespace, 'app'::regnamespace) and relkind in ('v', 'm')
     and relname not like 'pg_stat_%' and not coalesce(reloptions @> '{security_invoker=true}' or reloptions @> '{security_invoker=on}', false)`,

  `select format('partition %s is granted to %s: partitions are reached through their parent', c.relname, g.grantee) as fault
   from pg_class c join information_schema.role_table_grants g on g.table_name = c.relname and g.table_schema = 'public'
   where c.relispartition and g.grantee like 'engawa\\_%' and g.grantee <> 'engawa_owner'`,

  `select format('role %s can bypass row level security or owns tables', rolname) as fault from pg_roles r
   where rolname in ('engawa_app', 'engawa_system', 'engawa_search')
     and (rolbypassrls or rolsuper or exists (select from pg_class c where c.relowner = r.oid))`,

  `select format('constraint %s of %s is not named <table>_<columns>_key|fkey|check|pkey', k.conname, t.relname) as fault
   from pg_constraint k join (${TABLES}) t on t.oid = k.conrelid
   where not t.relispartition and k.conparentid = 0 and k.contype in ('p', 'u', 'f', 'c') and t.relname not like 'engawa_migrations'
     and (k.conname not like t.relname || '\\_%' or k.conname !~ '_(pkey|key|fkey|check)$')`,

  `select format('function %s runs with its owner''s rights without a fixed search_path', p.proname) as fault from pg_proc p
   where p.pronamespace = 'app'::regnamespace and p.prosecdef and not coalesce(array_to_string(p.proconfig, ',') like '%search_path=%', false)`,
];
