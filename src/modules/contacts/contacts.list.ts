import { parseDomain } from '../../platform/formats/domain.js';
import { parseEmail } from '../../platform/formats/email.js';
import { parsePhone, phoneText } from '../../platform/formats/phone.js';
import type { FilterSpec, ListSpec } from '../../platform/http/listing.js';
import { channelKey } from './channels.js';

const RECORD_FILTERS = {
  external_id: { kind: 'text', description: 'The id in another system.' },
  owner_user_id: { kind: 'uuid', description: 'The member who looks after the record.' },
  created_at: { kind: 'timestamp', description: 'When the record was created.' },
  updated_at: { kind: 'timestamp', description: 'When the record last changed.' },
} as const satisfies ListSpec['filters'];

const TIME_SORTS = {
  created_at: { column: 'created_at', type: 'timestamptz' },
  updated_at: { column: 'updated_at', type: 'timestamptz' },
} as const satisfies ListSpec['sorts'];

/** What the list of contacts can be asked, where phone numbers without country code are of a region. */
export function contactList(region?: string): ListSpec {
  if (region === undefined) return CONTACT_LIST;
  const phone = { ...byKey('contact', 'phone', ''), normalise: (text: string) => phoneKey(text, region) };
  return { ...CONTACT_LIST, filters: { ...CONTACT_LIST.filters, phone } };
}

/** What the list of contacts can be asked. */
export const CONTACT_LIST: ListSpec = {
  filters: {
    email: {
      ...byKey('contact', 'email', 'Any of the e-mail addresses.'),
      normalise: (text) => {
        const email = parseEmail(text);
        return email.ok ? email.key : null;
      },
    },
    phone: {
      ...byKey('contact', 'phone', 'Any of the phone numbers, by its digits.'),
      normalise: (text) => phoneKey(text),
    },
    company_id: { kind: 'uuid', description: 'The company.' },
    ...RECORD_FILTERS,
  },
  sorts: {
    ...TIME_SORTS,
    last_name: { column: "coalesce(last_name, '')", type: 'text' },
    first_name: { column: "coalesce(first_name, '')", type: 'text' },
  },
  default_sort: '-created_at',
  has_search: true,
  has_tags: true,
  has_deleted: true,
};

/** What the list of companies can be asked. */
export const COMPANY_LIST: ListSpec = {
  filters: {
    domain: {
      ...byKey('company', 'domain', 'Any of the domains.'),
      normalise: (text) => {
        const domain = parseDomain(text);
        return domain.ok ? domain.value : null;
      },
    },
    parent_company_id: { kind: 'uuid', description: 'The company above.' },
    industry: { kind: 'text', description: 'What it does.' },
    employee_count: { kind: 'integer', description: 'How many people work there.' },
    annual_revenue: {
      kind: 'number',
      description: 'Revenue of a year.',
      operators: ['gt', 'gte', 'lt', 'lte', 'is_null'],
    },
    ...RECORD_FILTERS,
  },
  sorts: { ...TIME_SORTS, name: { column: 'name', type: 'text' } },
  default_sort: '-created_at',
  has_search: true,
  has_tags: true,
  has_deleted: true,
};

function phoneKey(text: string, region?: string): string | null {
  const phone = parsePhone(text, region);
  return phone.ok ? channelKey('phone', phoneText(phone)) : null;
}

/**
 * A B-tree look-up by text equality, which row-level security allows; operators on jsonb and arrays could use no index. As an
 * array the few ids are found first, whatever the planner believes of a table that has just been filled.
 */
function byKey(subject_type: 'contact' | 'company', kind: string, description: string): FilterSpec {
  return {
    kind: 'text',
    description,
    sql: (param) =>
      `id = any(array(select subject_id from lookup_keys where subject_type = '${subject_type}' and kind = '${kind}' and key = ${param}::text))`,
  };
}
