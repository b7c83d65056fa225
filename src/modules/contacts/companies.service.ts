import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Invalid } from '../../platform/errors/contract-problems.js';
import type { FieldMistake, Problem } from '../../platform/errors/problem.js';
import { tryReadDto } from '../../platform/http/read-dto.js';
import { matchingKey } from '../../platform/formats/names.js';
import type { SearchDocument } from '../../platform/search/search-document.js';
import {
  applyCompanyPatch,
  applyCompanyRow,
  companyFault,
  type CompanyInput,
  companyKeys,
  type CompanyValues,
  EMPTY_COMPANY,
  readCompany,
} from './apply-company.js';
import { CompaniesRepository, type CompanyRow } from './companies.repository.js';
import type { UpsertDraft, UpsertKind, UpsertOutcome } from './bulk-upsert.js';
import { notFound } from './contacts.errors.js';
import { type CreateCompany, type UpdateCompany, UpsertCompany } from './dto/company.dto.js';
import { scopeOf } from './lock-stripes.js';
import { type BatchChoices, batchOptions, RecordRooms, RecordsService } from './records.service.js';
import type { UpsertOptions } from './upsert-options.js';
import { textsOf } from './texts-of.js';

/** A company as another record names it. */
export interface NamedCompany {
  readonly name: string | null;
  readonly domain: string | null;
}

/** References with one key mean one company. */
export function companyReferenceKey({ name, domain }: NamedCompany): string {
  return domain === null ? `name ${matchingKey(name ?? '')}` : `domain ${domain}`;
}

/** Companies: every way in (REST, MCP, ingest, import) comes through here. */
@Injectable()
export class CompaniesService extends RecordsService<CompanyRow, CompanyValues, CompanyInput> implements OnModuleInit {
  readonly noun = 'company';
  protected readonly kind: UpsertKind<CompanyValues, CompanyInput> = {
    noun: 'company',
    empty: EMPTY_COMPANY,
    applyRow: applyCompanyRow,
    fault: companyFault,
    keysOf: companyKeys,
    nameOf: () => null,
    references: ({ owner_user_id, parent_company_id }) => ({
      user_id: owner_user_id,
      company_id: null,
      parent_id: parent_company_id,
    }),
    lockParents: (ids) => this.companies.lockParents(scopeOf(this.rooms.context.workspaceId(), 'company tree'), ids),
  };
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

  /** Creates or changes up to 1,000 companies, each row on its own unless `is_atomic`. Rows are bodies of a create. */
  async batch(rows: readonly unknown[], choices: BatchChoices = {}): Promise<readonly UpsertOutcome[]> {
    return this.bulkUpsert(rows, batchOptions(choices));
  }

  /** The same for other rooms, which choose how rows meet what is there. Runs in the open transaction, if one is open. */
  async bulkUpsert(rows: readonly unknown[], options: UpsertOptions = {}): Promise<readonly UpsertOutcome[]> {
    return this.upsert(
      rows.map((row, index) => this.draft(row, index)),
      options,
    );
  }

  /**
   * Finds each company by its domain, else by its name (the oldest of that name), else makes it. What is there is not
   * changed, except that a company without domain gets the one that its name came with. Answers ids, or why there is none, by
   * `companyReferenceKey`.
   */
  async findOrCreate(references: readonly NamedCompany[]): Promise<ReadonlyMap<string, string | Problem>> {
    const distinct = new Map<string, NamedCompany>();
    for (const reference of references) {
      const key = companyReferenceKey(reference);
      if (!distinct.has(key)) distinct.set(key, reference);
    }
    const drafts = [...distinct.values()].map(({ name, domain }) => ({
      input: { name: name ?? domain ?? '', ...(domain !== null && { domain }) },
    }));
    const kind = { ...this.kind, nameOf: ({ name }: CompanyInput) => name ?? null };
    const outcomes = await this.upsert(drafts, { on_match: 'fill_empty' }, kind);
    return new Map(
      [...distinct.keys()].map((key, index) => {
        const outcome = outcomes[index];
        return [key, outcome?.id ?? outcome?.problem ?? notFound('company')];
      }),
    );
  }

  private draft(row: unknown, index: number): UpsertDraft<CompanyInput> {
    const read = tryReadDto(UpsertCompany, row, `/${index}`);
    const input = Array.isArray(read) ? read : readCompany(read, `/${index}`);
    return Array.isArray(input)
      ? { problem: new Invalid(input as readonly FieldMistake[]) }
      : { input: input as CompanyInput };
  }

  protected apply(before: CompanyValues, input: CompanyInput): CompanyValues {
    return applyCompanyPatch(before, input);
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
