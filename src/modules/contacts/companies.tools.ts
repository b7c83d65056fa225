import { Injectable } from '@nestjs/common';
import { ObjectField, TextField, UuidField } from '../../platform/http/fields.js';
import { readListQuery } from '../../platform/http/listing.js';
import { ListArguments, listQueryOf, Resource, Tool, underPointer } from '../mcp/index.js';
import { CompaniesService } from './companies.service.js';
import { COMPANY_LIST } from './contacts.list.js';
import { CompanyDto, CreateCompany, UpdateCompany } from './dto/company.dto.js';

class SearchCompanies extends ListArguments {
  @TextField({
    description: 'Words of the name, domains, industry, description or custom fields.',
    max_length: 500,
    is_optional: true,
  })
  query?: string | null;

  @TextField({ description: 'Any of the domains; a URL will do.', max_length: 1_000, is_optional: true })
  domain?: string | null;

  @TextField({ description: 'Only companies with this tag.', max_length: 64, is_optional: true })
  tag?: string | null;

  @TextField({ description: 'The id in another system, exactly.', max_length: 255, is_optional: true })
  external_id?: string | null;
}

class CompanyReference {
  @UuidField({ description: 'Id of the company.' })
  company_id!: string;
}

class ChangeCompany extends CompanyReference {
  @ObjectField(() => UpdateCompany, {
    description: 'The fields to change; all others stay as they are. Null clears a field, a list replaces the list.',
  })
  updates!: UpdateCompany;
}

/** Companies over MCP. */
@Injectable()
export class CompaniesTools {
  constructor(private readonly companies: CompaniesService) {}

  @Tool({
    name: 'search_companies',
    title: 'Search companies',
    description:
      'Finds companies by words (query), domain, external id or tag; several conditions must all hold. Without any it lists ' +
      'the newest. Use it before create_company; search_contacts with company_id lists the people of one.',
    input: SearchCompanies,
    output: CompanyDto,
    is_list: true,
    permissions: ['companies:read'],
  })
  search(input: SearchCompanies) {
    return this.companies.list(readListQuery(COMPANY_LIST, listQueryOf(input)));
  }

  @Tool({
    name: 'get_company',
    title: 'Read a company',
    description: 'The whole record of one company. Find the id with search_companies.',
    input: CompanyReference,
    output: CompanyDto,
    permissions: ['companies:read'],
  })
  get({ company_id }: CompanyReference) {
    return this.companies.get(company_id);
  }

  @Tool({
    name: 'create_company',
    title: 'Create a company',
    description:
      'Enters a new company. Search by domain first: if it is there already, use update_company. Then link its people with ' +
      'create_contact or update_contact and company_id.',
    input: CreateCompany,
    output: CompanyDto,
    permissions: ['companies:write'],
    hints: { is_destructive: false },
  })
  create(input: CreateCompany) {
    return this.companies.create(input);
  }

  @Tool({
    name: 'update_company',
    title: 'Change a company',
    description:
      'Changes the fields named in updates and leaves all others. A list (tags, domains) replaces the list, so read the ' +
      'company first if you want to add to one.',
    input: ChangeCompany,
    output: CompanyDto,
    permissions: ['companies:write'],
    hints: { is_idempotent: true },
  })
  update({ company_id, updates }: ChangeCompany) {
    return underPointer('/updates', () => this.companies.update(company_id, updates));
  }

  @Resource({
    uri: 'crm://company/{id}',
    name: 'company',
    title: 'A company',
    description: 'The record of one company, as JSON.',
    permissions: ['companies:read'],
  })
  company({ id = '' }: Readonly<Record<string, string>>) {
    return this.companies.get(id);
  }
}
