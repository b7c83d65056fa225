import { AccessTokens } from '../../../src/platform/auth/access-tokens.js';
import { Sessions } from '../../../src/platform/auth/sessions.js';
import type { Role } from '../../../src/contracts/permissions.js';
import { type Caller, caller, type TestApp, type TestWorkspace } from '../../support/app.js';

/** Somebody who signed in. */
export interface SignedIn extends Caller {
  readonly user_id: string;
}

/** A new member of the workspace, signed in to it. */
export async function signedIn(app: TestApp, workspace: TestWorkspace, role: Role): Promise<SignedIn> {
  const { rows } = await app.database.owner.query<{ id: string }>(
    `with person as (insert into users (email, name) values (gen_random_uuid() || '@example.com', 'Ada') returning id)
     insert into memberships (workspace_id, user_id, role) select $1, id, $2 from person returning user_id as id`,
    [workspace.id, role],
  );
  const user_id = rows[0]?.id ?? '';
  const session_id = await app.app.nest.get(Sessions).start({ user_id });
  const { token } = await app.app.nest.get(AccessTokens).issue({ user_id, session_id, workspace_id: workspace.id });
  return { ...caller(app.url, token), user_id };
}

/** The log of a workspace, oldest first: type, and what changed. */
export async function eventsOf(app: TestApp, workspace: TestWorkspace, like = '%') {
  const { rows } = await app.database.owner.query(
    'select type, data, changes, actor_type, actor_id from events where workspace_id = $1 and type like $2 order by seq',
    [workspace.id, like],
  );
  return rows as {
    type: string;
    data: Record<string, unknown>;
    changes: object;
    actor_type: string;
    actor_id: string;
  }[];
}
