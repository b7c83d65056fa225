import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Invalid } from '../../platform/errors/contract-problems.js';
import type { FieldMistake } from '../../platform/errors/problem.js';
import type { SearchDocument } from '../../platform/search/search-document.js';
import {
  applyCompanyPatch,
  companyFault,
  type CompanyInput,
  type CompanyValues,
  EMPTY_COMPANY,
  isCyclic,
  readCompany,
} from './apply-company.js';
import { CompaniesRepository, type CompanyRow } from './companies.repository.js';
import type { CreateCompany, UpdateCompany } from './dto/company.dto.js';
import { scopeOf } from './lock-stripes.js';
import { RecordRooms, RecordsService } from './records.service.js';
import { textsOf } from './texts-of.js';

/** Companies: every way in (REST, MCP, ingest, import) comes through here. */
@Injectable()
export class CompaniesService extends RecordsService<CompanyRow, CompanyValues, CompanyInput> implements OnModuleInit {
  readonly noun = 'company';
  protected readonly empty = EMPTY_COMPANY;
  protected readonly shown = [
    'external_id', 'name', 'domain', 'domains', 'website', 'industry', 'employee_count', 'annual_revenue', 'currency',
    'description', 'parent_company_id', 'owner_user_id', 'tags', 'attributes', 'deleted_at',
  ] as const; // prettier-ignore

  constructor(
    rooms: RecordRooms,
    private readonly companies: CompaniesRepository,
  ) {
    super(rooms, companies);
  }

  onModuleInit(): void {
    this.rooms.search.registerKind({ kind: this.noun, load: (ids) => this.loadTexts(ids) });
  }

  /** @throws {Problem} 409 external-id-taken; 422 with a pointer for what is wrong. */
  async create(body: CreateCompany): Promise<CompanyRow> {
    return this.createRecord(this.read(body));
  }

  /** Changes what the body names (RFC 7396). @throws {Problem} 404, 409 external-id-taken, 412, 422. */
  async update(id: string, body: UpdateCompany): Promise<CompanyRow> {
    const input = this.read(body);
    return this.updateRecord(id, (before) => applyCompanyPatch(before, input));
  }

  protected apply(before: CompanyValues, input: CompanyInput): CompanyValues {
    return applyCompanyPatch(before, input);
  }

  protected fault(values: CompanyValues): FieldMistake | undefined {
    return companyFault(values);
  }

  protected valuesOf(row: CompanyRow): CompanyValues {
    const {
      id: _id,
      domain: _domain,
      created_at: _created,
      updated_at: _updated,
      deleted_at: _deleted,
      ...values
    } = row;
    return values;
  }

  protected document(row: CompanyRow): SearchDocument {
    const { name, tags, created_at } = row;
    return { title: name, text: textOf(row), tags, created_at };
  }

  protected about({ parent_company_id }: CompanyRow, before?: CompanyRow): string[] {
    return [parent_company_id, before?.parent_company_id ?? null].filter((id) => id !== null);
  }

  protected async checkTree(id: string, before: CompanyValues, after: CompanyValues): Promise<void> {
    const parent = after.parent_company_id;
    if (parent === null || parent === before.parent_company_id) return;
    const scope = scopeOf(this.rooms.context.workspaceId(), 'company tree');
    const parents = await this.companies.lockParents(scope, [parent]);
    if (isCyclic(id, parent, parents)) {
      throw new Invalid([
        { pointer: '/parent_company_id', detail: 'A company cannot belong to itself, in whatever number of steps.' },
      ]);
    }
  }

  private read(body: UpdateCompany): CompanyInput {
    const input = readCompany(body);
    if (Array.isArray(input)) throw new Invalid(input as readonly FieldMistake[]);
    return input as CompanyInput;
  }

  private async loadTexts(ids: readonly string[]) {
    if (!this.rooms.context.principal().permissions.has('companies:read')) return [];
    const rows = await this.rooms.db.read(() => this.repository.findAll(ids));
    return rows.map((row) => ({ id: row.id, title: row.name, text: textOf(row) }));
  }
}

/** What a company is found by, beside the name. */
function textOf({ domains, website, industry, description, external_id, tags, attributes }: CompanyRow): string {
  return [...domains, website, industry, description, external_id, ...tags, ...textsOf(attributes)]
    .filter(Boolean)
    .join('\n');
}
