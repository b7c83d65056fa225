import { Injectable } from '@nestjs/common';
import { SystemDatabase } from '../database/system-database.js';
import { SearchLanguages } from '../search/search-languages.js';

/** What a workspace has chosen; see PATCH /api/v1/workspace. */
export interface ChosenSettings {
  readonly time_zone?: string;
  readonly currency?: string;
  readonly default_region?: string;
  readonly search_language?: string;
  readonly strict_attributes?: boolean;
  /** CIDRs from which callers of this workspace may come; missing: everywhere. */
  readonly allowed_networks?: readonly string[];
}

/** A change is seen by every process within this time. */
const FRESH_MS = 5_000;
const MOST_KEPT = 10_000;

/** The settings of workspaces, kept for five seconds, so that asking costs nothing on hot paths. */
@Injectable()
export class WorkspaceSettings extends SearchLanguages {
  private readonly kept = new Map<string, { readonly settings: ChosenSettings; readonly until: number }>();

  constructor(private readonly database: SystemDatabase) {
    super();
  }

  of(workspaceId: string): ChosenSettings | Promise<ChosenSettings> {
    const known = this.kept.get(workspaceId);
    return known && known.until > performance.now() ? known.settings : this.read(workspaceId);
  }

  languageOf(workspaceId: string): string | Promise<string> {
    const settings = this.of(workspaceId);
    return settings instanceof Promise ? settings.then(languageIn) : languageIn(settings);
  }

  /** After a change in this process. */
  forget(workspaceId: string): void {
    this.kept.delete(workspaceId);
  }

  private async read(workspaceId: string): Promise<ChosenSettings> {
    const [row] = await this.database.query<{ settings: ChosenSettings }>(
      'select settings from workspaces where id = $1',
      [workspaceId],
    );
    const settings = row?.settings ?? {};
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    this.kept.set(workspaceId, { settings, until: performance.now() + FRESH_MS });
    return settings;
  }
}

function languageIn({ search_language }: ChosenSettings): string {
  return search_language ?? 'english';
}
