import type { FieldMistake } from '../../platform/errors/problem.js';
import { parseDomain } from '../../platform/formats/domain.js';
import { parseCurrency, parseMoney } from '../../platform/formats/money.js';
import { uniteTags } from '../../platform/formats/tags.js';
import { parseWebsite } from '../../platform/formats/url.js';
import { rowAttributes } from './apply-contact.js';
import { MOST_DOMAINS, type UpdateCompany } from './dto/company.dto.js';
import { type Attributes, mergeAttributes, present, Reading } from './read-record.js';
import { type UpsertOptions, written } from './upsert-options.js';

/** What is written of a company; everything else is generated. */
export interface CompanyValues {
  readonly external_id: string | null;
  /** Empty only on the way to being refused. */
  readonly name: string;
  readonly domains: readonly string[];
  readonly website: string | null;
  readonly industry: string | null;
  readonly employee_count: number | null;
  readonly annual_revenue: string | null;
  readonly currency: string | null;
  readonly description: string | null;
  readonly parent_company_id: string | null;
  readonly owner_user_id: string | null;
  readonly tags: readonly string[];
  readonly attributes: Attributes;
}

/** A request about a company in normal form: what is left out is undefined. */
export type CompanyInput = Partial<Omit<CompanyValues, 'attributes'>> & {
  readonly domain?: string | null;
  readonly attributes?: Attributes | null;
};

export const EMPTY_COMPANY: CompanyValues = {
  external_id: null,
  name: '',
  domains: [],
  website: null,
  industry: null,
  employee_count: null,
  annual_revenue: null,
  currency: null,
  description: null,
  parent_company_id: null,
  owner_user_id: null,
  tags: [],
  attributes: {},
};

/** Brings a request into normal form. `pointer` tells where it stands in the body. */
export function readCompany(dto: UpdateCompany, pointer = ''): CompanyInput | readonly FieldMistake[] {
  const reading = new Reading(pointer);
  const domains = dto.domains === undefined ? undefined : readDomains(dto.domains ?? [], reading);
  const domain = reading.parsed('domain', dto.domain, parseDomain);
  if (domain !== undefined && domains?.[0] !== undefined && domains[0] !== domain) {
    reading.refuse('domain', 'domain contradicts domains, whose first is another: give one of both.');
  }
  const input: CompanyInput = present({
    external_id: reading.text(dto.external_id),
    name: dto.name,
    domain,
    domains,
    website: reading.parsed('website', dto.website, parseWebsite),
    industry: reading.text(dto.industry),
    employee_count: dto.employee_count,
    annual_revenue: reading.parsed('annual_revenue', dto.annual_revenue, parseMoney),
    currency: reading.parsed('currency', dto.currency, parseCurrency),
    description: reading.text(dto.description),
    parent_company_id: dto.parent_company_id,
    owner_user_id: dto.owner_user_id,
    tags: reading.tags(dto.tags),
    attributes: reading.attributes(dto.attributes),
  });
  return reading.mistakes.length > 0 ? reading.mistakes : input;
}

function readDomains(list: readonly string[], reading: Reading): string[] {
  const domains = new Set<string>();
  for (const [index, text] of list.entries()) {
    const read = parseDomain(text);
    if (read.ok) domains.add(read.value);
    else reading.refuse(`domains/${index}`, read.detail);
  }
  return [...domains];
}

/** A company after a request that changes what it names: `domain` replaces the first of its domains. */
export function applyCompanyPatch(before: CompanyValues, input: CompanyInput): CompanyValues {
  const { domain, attributes, ...fields } = input;
  const domains = fields.domains ?? before.domains;
  return {
    ...before,
    ...fields,
    domains: domain === undefined ? domains : withFirst(domains, domain),
    attributes:
      attributes === undefined
        ? before.attributes
        : mergeAttributes(attributes ? before.attributes : {}, attributes ?? {}),
  };
}

function withFirst(domains: readonly string[], first: string | null): string[] {
  const others = domains.slice(1).filter((domain) => domain !== first);
  return first === null ? others : [first, ...others];
}

/**
 * A company after a row of a bulk upsert: nulls change nothing, tags and domains are united, attributes merged. A `domain`
 * that the company has already is no change; a new one becomes the first and the others stay behind it.
 */
export function applyCompanyRow(before: CompanyValues, input: CompanyInput, options: UpsertOptions): CompanyValues {
  const replaces = (field: 'tags' | 'attributes' | 'domains') => options.replace?.includes(field) === true;
  const fills = options.on_match === 'fill_empty';
  let { domains } = before;
  if (input.domains) domains = replaces('domains') ? input.domains : [...new Set([...domains, ...input.domains])];
  const { domain, attributes = null, tags } = input;
  if (domain && !domains.includes(domain) && !(fills && domains.length > 0)) domains = [domain, ...domains];
  return {
    external_id: written(before.external_id, input.external_id, options),
    name: written(before.name || null, input.name, options) ?? '',
    domains,
    website: written(before.website, input.website, options),
    industry: written(before.industry, input.industry, options),
    employee_count: written(before.employee_count, input.employee_count, options),
    annual_revenue: written(before.annual_revenue, input.annual_revenue, options),
    currency: written(before.currency, input.currency, options),
    description: written(before.description, input.description, options),
    parent_company_id: written(before.parent_company_id, input.parent_company_id, options),
    owner_user_id: written(before.owner_user_id, input.owner_user_id, options),
    tags: tags === undefined ? before.tags : replaces('tags') ? tags : uniteTags(before.tags, tags),
    attributes: rowAttributes(before.attributes, attributes, replaces('attributes'), fills),
  };
}

/** What a company may not be, however it came to be so. */
export function companyFault(values: CompanyValues): FieldMistake | undefined {
  if (values.name === '') return { pointer: '/name', detail: 'A company needs a name.' };
  if (values.domains.length > MOST_DOMAINS) {
    return { pointer: '/domains', detail: `A company has at most ${MOST_DOMAINS} domains.` };
  }
  return values.tags.length > 100 ? { pointer: '/tags', detail: 'A record has at most 100 tags.' } : undefined;
}

/** The keys by which a row finds a company: each domain. */
export function companyKeys({ domain, domains = [] }: Pick<CompanyInput, 'domain' | 'domains'>): string[] {
  return [...new Set(domain ? [domain, ...domains] : domains)];
}

/** True when a parent would have the company among its own parents. `parents` holds every company above. */
export function isCyclic(id: string, parent_id: string, parents: ReadonlyMap<string, string | null>): boolean {
  const seen = new Set([id]);
  for (let above: string | null | undefined = parent_id; above; above = parents.get(above)) {
    if (seen.has(above)) return true;
    seen.add(above);
  }
  return false;
}
