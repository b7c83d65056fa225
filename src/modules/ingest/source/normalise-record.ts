import { parseDate } from '../../../platform/formats/dates.js';
import { parseDomain } from '../../../platform/formats/domain.js';
import { parseCurrency, readMoney } from '../../../platform/formats/money.js';
import { LONGEST_TAG, MOST_TAGS, splitTags, uniteTags } from '../../../platform/formats/tags.js';
import { characterCount, cleanLine, cleanText } from '../../../platform/formats/text.js';
import { parseWebsite } from '../../../platform/formats/url.js';
import { diagnose, failureOf, type Diagnostic } from './diagnostics.js';
import { Leftovers } from './leftovers.js';
import { normaliseChannels, type ChannelValue } from './normalise-channels.js';
import type { RawAttribute, RawCandidate, RawText } from './raw-candidate.js';
import type { FieldName } from './targets.js';

/** Custom fields: texts, lists of texts, and what could not be read under `unparsed`. */
export type AttributeValues = Record<string, string | string[] | Record<string, string[]>>;

/** A person, ready for a bulk upsert. Only what the record names is present, and nothing is empty. */
export interface ContactValues {
  external_id?: string;
  first_name?: string;
  last_name?: string;
  title?: string;
  channels?: ChannelValue[];
  /** The company to find or create and to link; one of both is present. */
  company?: { name?: string; domain?: string };
  tags?: string[];
  attributes?: AttributeValues;
}

/** A company, ready for a bulk upsert. */
export interface CompanyValues {
  external_id?: string;
  name?: string;
  domains?: string[];
  website?: string;
  industry?: string;
  employee_count?: number;
  /** Exact decimal text. */
  annual_revenue?: string;
  /** ISO 4217. */
  currency?: string;
  description?: string;
  tags?: string[];
  attributes?: AttributeValues;
}

interface Outcome {
  readonly row: number;
  readonly line: number;
  /** Everything that was said about the row, the error included. */
  readonly diagnostics: readonly Diagnostic[];
  /** Set when the row must not be written. */
  readonly error?: Diagnostic;
  /** Set when the row holds nothing to write. */
  readonly skipped?: Diagnostic;
}

/** A row after step 4 of the pipeline: to be matched and written, unless `error` or `skipped` is set. */
export type NormalisedRecord = Outcome &
  (
    | { readonly entity: 'contact'; readonly values: ContactValues }
    | { readonly entity: 'company'; readonly values: CompanyValues }
  );

/** What the normal forms depend on besides the record. */
export interface NormaliseOptions {
  /** ISO 3166-1 alpha-2 region of phone numbers without country code. */
  readonly region?: string;
}

const MAX_LINE = 255;
const MAX_DESCRIPTION = 20_000;
const MAX_ATTRIBUTE = 10_000;
/** Beside the other custom fields, 64 KiB of attributes must hold it in UTF-8. */
const MAX_VCARD = 15_000;
const MAX_COUNT = 2_147_483_647;

/** Brings a candidate into normal form. Never throws for what a record holds; the candidate's diagnostics are added to. */
export function normaliseRecord(raw: RawCandidate, options: NormaliseOptions = {}): NormalisedRecord {
  const failed = failureOf(raw.diagnostics);
  if (failed !== undefined) {
    return {
      row: raw.row,
      line: raw.line,
      entity: raw.entity,
      values: {},
      diagnostics: raw.diagnostics,
      error: failed,
    };
  }
  if (isEmpty(raw)) {
    const skipped = diagnose(raw, 'info', 'empty-row', 'no mapped column of the row holds anything; it was skipped');
    const diagnostics = [...raw.diagnostics, skipped];
    return { row: raw.row, line: raw.line, entity: raw.entity, values: {}, diagnostics, skipped };
  }
  const normalised =
    raw.entity === 'contact'
      ? { entity: raw.entity, values: contactOf(raw, options) }
      : { entity: raw.entity, values: companyOf(raw) };
  const error = failureOf(raw.diagnostics);
  const outcome = { row: raw.row, line: raw.line, ...normalised, diagnostics: raw.diagnostics };
  return error === undefined ? outcome : { ...outcome, error };
}

function isEmpty({ fields, channels, company, tags, attributes }: RawCandidate): boolean {
  const hasChannel = channels.some(({ values, parts }) => values.length > 0 || Object.keys(parts).length > 0);
  const hasCompany = company.name !== undefined || company.domain !== undefined;
  return fields.size === 0 && !hasChannel && !hasCompany && tags.length === 0 && attributes.length === 0;
}

function contactOf(raw: RawCandidate, options: NormaliseOptions): ContactValues {
  const leftovers = new Leftovers();
  const values: ContactValues = {};
  const set = (name: 'external_id' | 'first_name' | 'last_name' | 'title'): void => {
    const line = lineOf(raw, name, leftovers);
    if (line !== null) values[name] = line;
  };
  set('external_id');
  set('first_name');
  set('last_name');
  if (values.first_name === undefined && values.last_name === undefined) {
    const name = lineOf(raw, 'name', leftovers);
    if (name !== null) Object.assign(values, splitName(name));
  }
  set('title');
  const channels = normaliseChannels(raw, options.region, leftovers);
  if (channels.length > 0) values.channels = channels;
  const company = companyRef(raw, leftovers);
  if (company !== undefined) values.company = company;
  addRecordFields(raw, values, leftovers);

  const hasChannel = channels.some(({ kind }) => kind === 'email' || kind === 'phone');
  const hasName = values.first_name !== undefined || values.last_name !== undefined;
  if (!hasChannel && !hasName && values.external_id === undefined) {
    const message = 'a contact needs an e-mail address, an external_id, a name or a phone number; the row has none';
    raw.diagnostics.push(diagnose(raw, 'error', 'row-needs', message + refusedOf(leftovers)));
  }
  return values;
}

function companyOf(raw: RawCandidate): CompanyValues {
  const leftovers = new Leftovers();
  const values: CompanyValues = {};
  const set = (name: 'external_id' | 'name' | 'industry'): void => {
    const line = lineOf(raw, name, leftovers);
    if (line !== null) values[name] = line;
  };
  set('external_id');
  set('name');
  const domainText = raw.fields.get('domain');
  if (domainText !== undefined) {
    const domain = parseDomain(domainText.text);
    if (domain.ok) {
      values.domains = [domain.value];
    } else {
      const about = { field: 'domain', column: domainText.column, value: domainText.text };
      raw.diagnostics.push(diagnose(raw, 'error', 'invalid-domain', domain.detail, about));
    }
  }
  const website = raw.fields.get('website');
  if (website !== undefined) {
    const url = parseWebsite(website.text);
    if (url.ok) values.website = url.value;
    else leftovers.keep(raw, 'website', website, 'invalid-url', url.detail);
  }
  set('industry');
  addFigures(raw, values, leftovers);
  const description = raw.fields.get('description');
  const text = description === undefined ? null : cleanText(description.text);
  if (description !== undefined && text !== null) {
    if (characterCount(text) <= MAX_DESCRIPTION) values.description = text;
    else leftovers.keep(raw, 'description', description, 'too-long', `at most ${MAX_DESCRIPTION} characters fit`);
  }
  addRecordFields(raw, values, leftovers);

  const domain = values.domains?.[0];
  if (values.name === undefined && domain !== undefined) values.name = domain;
  if (values.name === undefined && values.external_id === undefined && failureOf(raw.diagnostics) === undefined) {
    const message = 'a company needs a name, a domain, or the external_id of one that exists; the row has none';
    raw.diagnostics.push(diagnose(raw, 'error', 'row-needs', message + refusedOf(leftovers)));
  }
  return values;
}

function addFigures(raw: RawCandidate, values: CompanyValues, leftovers: Leftovers): void {
  const count = raw.fields.get('employee_count');
  if (count !== undefined) {
    const isCount = /^\d{1,3}(?:[ ,.'\u2019\u00a0\u202f]?\d{3})*$|^\d{1,10}$/.test(count.text.trim());
    const number = isCount ? Number(count.text.replace(/\D/g, '')) : NaN;
    if (number <= MAX_COUNT) values.employee_count = number;
    else leftovers.keep(raw, 'employee_count', count, 'invalid-number', 'a whole number is expected');
  }
  const revenue = raw.fields.get('annual_revenue');
  if (revenue !== undefined) {
    const money = readMoney(revenue.text);
    if (money.ok) {
      values.annual_revenue = money.value;
      if (money.currency !== null) values.currency = money.currency;
      if (money.is_ambiguous) {
        const message = `read as ${money.value}; a separator before three digits may have been a decimal sign`;
        const about = { field: 'annual_revenue', column: revenue.column, value: revenue.text };
        raw.diagnostics.push(diagnose(raw, 'warning', 'ambiguous-amount', message, about));
      }
    } else {
      leftovers.keep(raw, 'annual_revenue', revenue, 'invalid-number', money.detail);
    }
  }
  const code = raw.fields.get('currency');
  if (code !== undefined) {
    const currency = parseCurrency(code.text);
    if (currency.ok) values.currency = currency.value;
    else leftovers.keep(raw, 'currency', code, 'invalid-number', currency.detail);
  }
}

function companyRef(raw: RawCandidate, leftovers: Leftovers): ContactValues['company'] {
  const company: { name?: string; domain?: string } = {};
  const { name, domain } = raw.company;
  const line = name === undefined ? null : shortLine(raw, 'company.name', name, leftovers);
  if (line !== null) company.name = line;
  if (domain !== undefined) {
    const found = parseDomain(domain.text);
    if (found.ok) company.domain = found.value;
    else leftovers.keep(raw, 'company.domain', domain, 'invalid-domain', found.detail);
  }
  return company.name === undefined && company.domain === undefined ? undefined : company;
}

function addRecordFields(raw: RawCandidate, values: ContactValues | CompanyValues, leftovers: Leftovers): void {
  const tags = tagsOf(raw, leftovers);
  if (tags.length > 0) values.tags = tags;
  const attributes: AttributeValues = {};
  for (const attribute of raw.attributes) {
    const value = attributeValue(raw, attribute, leftovers);
    if (value !== null && !Object.hasOwn(attributes, attribute.name)) attributes[attribute.name] = value;
  }
  const vcard = raw.vcard === undefined ? undefined : vcardOf(raw, raw.vcard);
  if (vcard !== undefined) attributes['vcard'] = vcard;
  if (leftovers.unparsed !== undefined) attributes['unparsed'] = leftovers.unparsed;
  if (Object.keys(attributes).length > 0) values.attributes = attributes;
}

function tagsOf(raw: RawCandidate, leftovers: Leftovers): string[] {
  if (raw.tags.length === 0) return [];
  const tags: string[] = [];
  for (const { text, column } of raw.tags) {
    for (const tag of splitTags(text)) {
      if (characterCount(tag) <= LONGEST_TAG) tags.push(tag);
      else
        leftovers.keep(
          raw,
          'tags',
          { text: tag, column },
          'invalid-tag',
          `a tag has at most ${LONGEST_TAG} characters`,
        );
    }
  }
  const unique = uniteTags([], tags);
  if (unique.length > MOST_TAGS) {
    const message = `a record has at most ${MOST_TAGS} tags; ${unique.length - MOST_TAGS} were dropped`;
    raw.diagnostics.push(diagnose(raw, 'warning', 'too-many-values', message, { field: 'tags' }));
  }
  return unique.slice(0, MOST_TAGS);
}

function attributeValue(raw: RawCandidate, attribute: RawAttribute, leftovers: Leftovers): string | string[] | null {
  const { name, column, date } = attribute;
  const one = (text: string): string | null => {
    const clean = cleanText(text);
    if (clean === null) return null;
    if (characterCount(clean) > MAX_ATTRIBUTE) {
      const message = `a custom field holds at most ${MAX_ATTRIBUTE} characters`;
      return leftovers.keep(raw, `attributes.${name}`, { text, column }, 'too-long', message);
    }
    if (date === undefined) return clean;
    const parsed = parseDate(clean, { format: date });
    if (parsed.ok) return parsed.value;
    const code = 'is_ambiguous' in parsed && parsed.is_ambiguous ? 'ambiguous-date' : 'invalid-date';
    const about = { field: `attributes.${name}`, column, value: text };
    raw.diagnostics.push(diagnose(raw, 'warning', code, parsed.detail, about));
    return clean;
  };
  if (typeof attribute.value === 'string') return one(attribute.value);
  const list = attribute.value.slice(0, 100).flatMap((text) => one(text) ?? []);
  return list.length === 0 ? null : list;
}

function vcardOf(
  raw: RawCandidate,
  properties: Readonly<Record<string, readonly string[]>>,
): Record<string, string[]> | undefined {
  const kept: Record<string, string[]> = {};
  let chars = 0;
  for (const [name, texts] of Object.entries(properties)) {
    for (const text of texts) {
      const clean = cleanText(text.slice(0, MAX_ATTRIBUTE));
      if (clean === null) continue;
      chars += name.length + clean.length;
      if (chars <= MAX_VCARD) (kept[name] ??= []).push(clean);
    }
  }
  if (chars > MAX_VCARD) {
    const message = `at most ${MAX_VCARD} characters of a card are kept beside its fields; the rest was dropped`;
    raw.diagnostics.push(diagnose(raw, 'warning', 'too-many-values', message, { field: 'attributes.vcard' }));
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

function lineOf(raw: RawCandidate, name: FieldName, leftovers: Leftovers): string | null {
  const given = raw.fields.get(name);
  return given === undefined ? null : shortLine(raw, name, given, leftovers);
}

function shortLine(raw: RawCandidate, field: string, given: RawText, leftovers: Leftovers): string | null {
  const line = cleanLine(given.text);
  if (line === null || characterCount(line) <= MAX_LINE) return line;
  return leftovers.keep(raw, field, given, 'too-long', `at most ${MAX_LINE} characters fit`);
}

/** `Lovelace, Ada` at the comma, `Ada Lovelace` at the last blank, a single word as first name. */
export function splitName(name: string): { first_name?: string; last_name?: string } {
  const [last = '', ...others] = name.split(',');
  const first = others.join(',').trim();
  if (first !== '' && last.trim() !== '') return { first_name: first, last_name: last.trim() };
  const bare = name.replace(/^[\s,]+|[\s,]+$/g, '');
  const blank = bare.lastIndexOf(' ');
  if (bare === '') return {};
  if (blank < 0) return { first_name: bare };
  return { first_name: bare.slice(0, blank).trimEnd(), last_name: bare.slice(blank + 1) };
}

/** Which refused values would have been enough: the reader of the message should not have to look for them. */
function refusedOf(leftovers: Leftovers): string {
  const fields = Object.keys(leftovers.unparsed ?? {});
  return fields.length === 0 ? '' : ` that could be read (refused: ${fields.join(', ')})`;
}
