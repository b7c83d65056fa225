import { Injectable } from '@nestjs/common';
import type { Role } from '../../contracts/permissions.js';
import { ListQuery } from '../database/list-query.js';
import { SystemDatabase } from '../database/system-database.js';
import type { ListRequest, Page } from '../http/listing.js';

/** A person in a workspace. `id` is the person's. */
export interface MemberRow {
  readonly id: string;
  /** Null for who came by single sign-on and said none. */
  readonly email: string | null;
  readonly name: string;
  readonly role: Role;
  readonly source: 'invited' | 'sso' | 'scim';
  readonly created_at: string;
  readonly updated_at: string;
}

const COLUMNS = 'id, email, name, role, source, created_at, updated_at';

/** A person who came by single sign-on shows the e-mail that the workspace's own provider gave. */
const MEMBERS = `(
  select m.workspace_id, m.user_id as id, coalesce(u.email, (
           select i.email from identities i
           join sso_connections c on c.id = i.connection_id and c.workspace_id = m.workspace_id
           where i.user_id = u.id order by i.created_at limit 1)) as email,
         u.name, m.role, m.source, u.disabled_at, m.created_at, m.updated_at
  from memberships m join users u on u.id = m.user_id
  where m.removed_at is null) as members`;

/** People and their memberships. People stand above workspaces, so every question here names its workspace. */
@Injectable()
export class MemberRegistry {
  constructor(private readonly database: SystemDatabase) {}

  async page(workspaceId: string, request: ListRequest): Promise<Page<MemberRow>> {
    const query = new ListQuery({ table: MEMBERS, columns: COLUMNS }, request, false).and(
      'workspace_id = ?',
      workspaceId,
    );
    const page = query.page();
    const rows = await this.database.query<MemberRow>(page.text, page.values);
    if (!request.wants_count) return query.toPage(rows);
    const count = query.count();
    const [counted] = await this.database.query<{ count: number }>(count.text, count.values);
    return query.toPage(rows, counted?.count);
  }

  async find(workspaceId: string, userId: string): Promise<MemberRow | undefined> {
    const [row] = await this.database.query<MemberRow>(
      `select ${COLUMNS} from ${MEMBERS} where workspace_id = $1 and id = $2`,
      [workspaceId, userId],
    );
    return row;
  }

  /** Owners who can sign in. Ask under the lock of the workspace. */
  async countOwners(workspaceId: string): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::integer as count from ${MEMBERS} where workspace_id = $1 and role = 'owner' and disabled_at is null`,
      [workspaceId],
    );
    return row?.count ?? 0;
  }

  /** The person with this e-mail (in lower case), made if there is none. */
  async personByEmail(email: string, name: string): Promise<string> {
    await this.database.execute('insert into users (email, name) values ($1, $2) on conflict (email) do nothing', [
      email,
      name,
    ]);
    const [row] = await this.database.query<{ id: string }>('select id from users where email = $1', [email]);
    if (!row) throw new Error('a person that was just made is gone');
    return row.id;
  }

  /** Makes a person a member, again if they were one before; false when they are one. */
  async add(workspaceId: string, userId: string, role: Role): Promise<boolean> {
    const added = await this.database.execute(
      `insert into memberships (workspace_id, user_id, role, source) values ($1, $2, $3, 'invited')
       on conflict (workspace_id, user_id) do update
         set role = excluded.role, source = excluded.source, removed_at = null, created_at = now(), updated_at = now()
         where memberships.removed_at is not null`,
      [workspaceId, userId, role],
    );
    return added > 0;
  }

  /** A role given by hand stays: rules of single sign-on no longer change it. */
  async setRole(workspaceId: string, userId: string, role: Role): Promise<void> {
    await this.database.execute(
      `update memberships set role = $3, source = 'invited', updated_at = now()
       where workspace_id = $1 and user_id = $2 and removed_at is null`,
      [workspaceId, userId, role],
    );
  }

  async remove(workspaceId: string, userId: string): Promise<void> {
    await this.database.execute(
      `update memberships set removed_at = now(), updated_at = now()
       where workspace_id = $1 and user_id = $2 and removed_at is null`,
      [workspaceId, userId],
    );
  }
}
