import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { systemPrincipal } from '../../platform/context/principal.js';
import { Database } from '../../platform/database/database.js';
import { SystemDatabase } from '../../platform/database/system-database.js';
import { Events } from '../../platform/events/events.js';
import { issueKey } from '../../platform/auth/api-key.js';

const BOOTSTRAP_LOCK = 7_239_480_243;

/** The first start of an empty installation: one workspace and one owner key, so that somebody can come in. */
@Injectable()
export class Bootstrap {
  constructor(
    private readonly system: SystemDatabase,
    private readonly db: Database,
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
      const [known] = await this.system.query('select 1 from workspaces limit 1');
      if (known) return null;
      const id = uuidv7();
      const workspace = { id, name: 'My workspace', slug: 'my-workspace' };
      await this.system.query('insert into workspaces (id, name, slug) values ($1, $2, $3)', [
        id,
        workspace.name,
        workspace.slug,
      ]);
      const key = issueKey(preset);
      await this.system.inWorkspace(systemPrincipal(id), { via: 'system' }, async () => {
        const apiKey = { id: uuidv7(), name: 'First owner key', prefix: key.prefix, role: 'owner' };
        await this.db.query(
          'insert into api_keys (id, name, prefix, secret_sha256, role) values ($1, $2, $3, $4, $5)',
          [apiKey.id, apiKey.name, apiKey.prefix, key.secret_sha256, apiKey.role],
        );
        this.events.publish('workspace.created', { subject_id: id, data: workspace });
        this.events.publish('api_key.created', { subject_id: apiKey.id, data: apiKey });
      });
      return key.text;
    });
  }
}
