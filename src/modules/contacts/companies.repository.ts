import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { CompanyValues } from './apply-company.js';
import type { CompanyEntity } from './company.entity.js';
import { RecordsRepository } from './records.repository.js';

/** A company as it is answered. */
export type CompanyRow = Readonly<CompanyEntity>;

/** The statements of companies. */
@Injectable()
export class CompaniesRepository extends RecordsRepository<CompanyRow, CompanyValues> {
  constructor(db: Database) {
    super(db, {
      name: 'companies',
      noun: 'company',
      columns: [
        'id', 'external_id', 'name', 'domain', 'domains', 'website', 'industry', 'employee_count', 'annual_revenue',
        'currency', 'description', 'parent_company_id', 'owner_user_id', 'tags', 'attributes', 'created_at', 'updated_at',
        'deleted_at',
      ], // prettier-ignore
      written: {
        external_id: 'text',
        name: 'text',
        domains: 'text[]',
        website: 'text',
        industry: 'text',
        employee_count: 'integer',
        annual_revenue: 'numeric',
        currency: 'text',
        description: 'text',
        parent_company_id: 'uuid',
        owner_user_id: 'uuid',
        tags: 'text[]',
        attributes: 'jsonb',
      },
      key_kind: 'domain',
      also_matches: `select named.id from unnest($3::text[]) as given (name) cross join lateral (
          select id from companies where deleted_at is null and name_key = app.matching_key(given.name) offset 0) as named`,
    });
  }

  /**
   * Every company above the given ones, each with its parent. Whoever sets a parent calls this first: changes of the tree of
   * one workspace wait for one another, else two of them could close a circle that neither sees.
   * @param scope a number of the workspace.
   */
  async lockParents(scope: number, ids: readonly string[]): Promise<Map<string, string | null>> {
    const [, rows = []] = await this.db.queryAll([
      { text: 'select pg_advisory_xact_lock($1::integer, 64)', values: [scope] },
      {
        text: `with recursive above as (
            select id, parent_company_id from companies where id = any($1::uuid[])
            union select c.id, c.parent_company_id from companies c join above a on c.id = a.parent_company_id
          ) select id, parent_company_id from above`,
        values: [ids],
      },
    ]);
    return new Map(
      (rows as { id: string; parent_company_id: string | null }[]).map((row) => [row.id, row.parent_company_id]),
    );
  }
}
