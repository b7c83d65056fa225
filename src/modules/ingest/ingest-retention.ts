import { Injectable } from '@nestjs/common';
import { systemPrincipal } from '../../platform/context/principal.js';
import { WorkspaceRegistry } from '../../platform/auth/workspace-registry.js';
import { Context } from '../../platform/context/context.js';
import { Database } from '../../platform/database/database.js';
import { Scheduled } from '../../platform/scheduling/scheduled.decorator.js';
import { Storage } from '../../platform/storage/storage.js';
import { IngestRepository } from './ingest.repository.js';
import { SourceFiles } from './source-files.js';

/** Sources are kept for seven days, rows for thirty. */
@Injectable()
export class IngestRetention {
  constructor(
    private readonly db: Database,
    private readonly context: Context,
    private readonly workspaces: WorkspaceRegistry,
    private readonly runs: IngestRepository,
    private readonly files: SourceFiles,
    private readonly storage: Storage,
  ) {}

  @Scheduled({ name: 'ingest.expire', every_ms: 3_600_000 })
  async expire(): Promise<void> {
    for (const id of await this.workspaces.ids()) {
      await this.context.runAs(systemPrincipal(id), { via: 'system' }, async () => {
        const expired = await this.db.transaction(() => this.runs.expire());
        for (const run of expired) await this.files.remove(run);
      });
    }
    await this.storage.sweep();
  }
}
