import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { issueKey } from '../../platform/auth/api-key.js';
import { ApiKeysRepository, PLAIN_OWNER_KEY } from '../../platform/auth/api-keys.repository.js';
import { WorkspaceRegistry } from '../../platform/auth/workspace-registry.js';
import { systemPrincipal } from '../../platform/context/principal.js';
import { SystemDatabase } from '../../platform/database/system-database.js';
import { Events } from '../../platform/events/events.js';
import { shownWorkspace } from './read-settings.js';

const BOOTSTRAP_LOCK = 7_239_480_243;

/** The first start of an empty installation: one workspace and one owner key, so that somebody can come in. */
@Injectable()
export class Bootstrap {
  constructor(
    private readonly system: SystemDatabase,
    private readonly registry: WorkspaceRegistry,
    private readonly keys: ApiKeysRepository,
    private readonly events: Events,
  ) {}

  /**
   * Works once per installation, whatever number of processes start together.
   * @param preset the key of an automated install; made at random otherwise.
   * @returns the key to show, or null when there is a workspace already.
   */
  run(preset?: string): Promise<string | null> {
    return this.system.transaction(async () => {
      await this.system.query('select pg_advisory_xact_lock($1)', [BOOTSTRAP_LOCK]);
      if (!(await this.registry.isEmpty())) return null;
      const id = uuidv7();
      const key = issueKey(preset);
      const workspace = await this.registry.insert({ id, name: 'My workspace', slug: 'my-workspace' });
      await this.system.inWorkspace(systemPrincipal(id), { via: 'system' }, async () => {
        const row = await this.keys.insert(key, PLAIN_OWNER_KEY);
        this.events.publish('workspace.created', { subject_id: id, data: shownWorkspace(workspace) });
        this.events.publish('api_key.created', { subject_id: row.id, data: row });
      });
      return key.text;
    });
  }
}
