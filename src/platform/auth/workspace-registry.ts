import { Injectable } from '@nestjs/common';
import { constrained } from '../database/constraints.js';
import { SystemDatabase } from '../database/system-database.js';
import { Conflict } from '../errors/contract-problems.js';
import type { ChosenSettings } from './workspace-settings.js';

export interface WorkspaceRow {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly settings: ChosenSettings;
  readonly created_at: string;
  readonly updated_at: string;
}

const COLUMNS = 'id, name, slug, settings, created_at, updated_at';

/** The workspaces of the installation, one row each. They stand above workspaces, hence the staff door and these few questions. */
@Injectable()
export class WorkspaceRegistry {
  constructor(private readonly database: SystemDatabase) {}

  /** Every workspace of the installation, for housekeeping. */
  async ids(): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>('select id from workspaces order by id');
    return rows.map((row) => row.id);
  }

  /** True until the first start has made a workspace. */
  async isEmpty(): Promise<boolean> {
    return (await this.database.query('select 1 from workspaces limit 1')).length === 0;
  }

  async find(id: string): Promise<WorkspaceRow | undefined> {
    const [row] = await this.database.query<WorkspaceRow>(`select ${COLUMNS} from workspaces where id = $1`, [id]);
    return row;
  }

  /** Reads the row and holds it until the staff transaction ends: whoever counts owners or changes settings waits here. */
  async lock(id: string): Promise<WorkspaceRow | undefined> {
    const [row] = await this.database.query<WorkspaceRow>(
      `select ${COLUMNS} from workspaces where id = $1 for no key update`,
      [id],
    );
    return row;
  }

  /** @throws {Conflict} slug-taken */
  async insert(workspace: Pick<WorkspaceRow, 'id' | 'name' | 'slug'>): Promise<WorkspaceRow> {
    const { id, name, slug } = workspace;
    return this.one(`insert into workspaces (id, name, slug) values ($1, $2, $3) returning ${COLUMNS}`, [
      id,
      name,
      slug,
    ]);
  }

  /** @throws {Conflict} slug-taken */
  async update(workspace: Pick<WorkspaceRow, 'id' | 'name' | 'slug' | 'settings'>): Promise<WorkspaceRow> {
    const { id, name, slug, settings } = workspace;
    return this.one(
      `update workspaces set name = $2, slug = $3, settings = $4, updated_at = now() where id = $1 returning ${COLUMNS}`,
      [id, name, slug, JSON.stringify(settings)],
    );
  }

  private async one(text: string, values: readonly unknown[]): Promise<WorkspaceRow> {
    const [row] = await constrained(this.database.query<WorkspaceRow>(text, values), {
      workspaces_slug_key: () =>
        new Conflict('slug-taken', 'The slug is taken', 'Another workspace of this installation has this slug.'),
    });
    if (!row) throw new Error('a workspace that was locked is gone');
    return row;
  }
}
