import { v7 } from 'uuid';
import { searchableText } from '../src/platform/search/searchable-text.js';

/** The columns of an answer, as ContactsRepository selects them. */
const COLUMNS =
  'id, external_id, name, first_name, last_name, email, phone, title, company_id, owner_user_id, channels, tags, attributes, created_at, updated_at, deleted_at';

/** The body of a create. */
export interface ContactBody {
  readonly first_name: string;
  readonly last_name: string;
  readonly email: string;
  readonly phone: string;
  readonly title: string;
  readonly tags: readonly string[];
}

/** A contact that no other has the address of. */
export function contactBody(n: number, label = 'c'): ContactBody {
  const last_name = LAST_NAMES[n % LAST_NAMES.length] ?? '';
  const first_name = FIRST_NAMES[(n * 7) % FIRST_NAMES.length] ?? '';
  return {
    first_name,
    last_name,
    email: `${first_name}.${label}${n}@example.com`.toLowerCase(),
    phone: `+4144668${String(n % 10_000).padStart(4, '0')}`,
    title: 'Head of Analysis',
    tags: ['bench'],
  };
}

const FIRST_NAMES = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Katherine', 'Donald', 'Radia', 'Tony', 'Frances'];
const LAST_NAMES = ['Lovelace', 'Hopper', 'Liskov', 'Turing', 'Johnson', 'Knuth', 'Perlman', 'Hoare', 'Allen', 'Karp'];

// What search-writer.ts makes of a title and a text, so that the peers write the same index rows.
const tsv = (title: string, text: string): string =>
  `setweight(to_tsvector('pg_catalog.english', ${title}) || to_tsvector('pg_catalog.simple', ${title}), 'A')
    || to_tsvector('pg_catalog.english', ${text})`;

/** The text of a contact in the search index. */
export function searchText({ email, phone, title, tags }: ContactBody, external_id: string | null = null): string {
  return searchableText([email, phone, title, external_id, ...tags].filter(Boolean).join('\n'));
}

/**
 * All rows of a create in one prepared statement, the least that a program without our walls can send: one round trip, no
 * transaction around it. Triggers write subjects and lookup_keys, as they do for Engawa.
 */
export const CREATE = `
with contact as (
  insert into contacts (workspace_id, id, first_name, last_name, title, channels, tags)
  values ($1, $2, $3, $4, $5, $6, $7) returning ${COLUMNS}
), document as (
  insert into search_documents (workspace_id, kind, id, title, tsv, tags, created_at)
  select $1, 'contact', id, name, ${tsv('name', '$8::text')}, tags, created_at from contact
), event as (
  insert into events (workspace_id, id, type, subject_type, subject_id, actor_type, actor_id, actor_name, api_key_id, via,
    depth, request_id, ip, user_agent, data)
  select $1, $9, 'contact.created', 'contact', id, 'api_key', $1, 'Bench', $1, 'rest', 0, $10, $11, $12, to_jsonb(contact)
  from contact
)
select * from contact`;

/** The values of CREATE. */
export function createValues(workspace_id: string, body: ContactBody): unknown[] {
  const { first_name, last_name, title, tags } = body;
  const request = [v7(), '127.0.0.1', null];
  return [
    workspace_id, v7(), first_name, last_name, title, channelsOf(body), tags, searchText(body), v7(), ...request,
  ]; // prettier-ignore
}

export const GET = `select ${COLUMNS} from contacts where workspace_id = $1 and id = $2 and deleted_at is null`;

export const LIST = `select ${COLUMNS} from contacts where workspace_id = $1 and deleted_at is null
  order by created_at desc, id desc limit 50`;

/** Contacts of a workspace, one a second into the past, with their search documents. */
export const SEED = `
with contact as (
  insert into contacts (workspace_id, external_id, first_name, last_name, title, channels, tags, created_at, updated_at)
  select $1::uuid, 'seed-' || n, 'Ada', 'Lovelace ' || n, 'Analyst',
    jsonb_build_array(jsonb_build_object('kind', 'email', 'value', 'seed' || n || '@example.com'),
      jsonb_build_object('kind', 'phone', 'value', '+4144668' || lpad((n % 10000)::text, 4, '0'))), '{bench}',
    now() - make_interval(secs => n), now() - make_interval(secs => n)
  from generate_series(1, $2::integer) n returning ${COLUMNS}
)
insert into search_documents (workspace_id, kind, id, title, tsv, tags, created_at)
select $1::uuid, 'contact', id, name, ${tsv('name', "concat_ws(E'\\n', email, phone, title, external_id)")}, tags, created_at
from contact`;

/** A normalised row of a file. */
export interface ImportedRow {
  readonly external_id: string;
  readonly body: ContactBody;
}

/** Many rows, found again by their external_id: the rows of an ingest without its events. */
export const UPSERT = `
with given as materialized (
  select * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[], $9::text[])
    as row (id, external_id, first_name, last_name, title, channels, tag, text)
), written as (
  insert into contacts as c (workspace_id, id, external_id, first_name, last_name, title, channels, tags)
  select $1, id, external_id, first_name, last_name, title, channels, array[tag] from given
  on conflict (workspace_id, external_id) do update set first_name = excluded.first_name, last_name = excluded.last_name,
    title = excluded.title, channels = excluded.channels, tags = excluded.tags, updated_at = now()
  returning c.id, c.external_id, c.name, c.tags, c.created_at
)
insert into search_documents (workspace_id, kind, id, title, tsv, tags, created_at)
select $1, 'contact', w.id, w.name, ${tsv('w.name', 'given.text')}, w.tags, w.created_at
from written w join given using (external_id)
on conflict (workspace_id, kind, id) do update set title = excluded.title, tsv = excluded.tsv, tags = excluded.tags`;

/** The values of UPSERT. */
export function upsertValues(workspace_id: string, rows: readonly ImportedRow[]): unknown[] {
  const column = (of: (row: ImportedRow) => string) => rows.map(of);
  return [
    workspace_id,
    column(() => v7()),
    column(({ external_id }) => external_id),
    column(({ body }) => body.first_name),
    column(({ body }) => body.last_name),
    column(({ body }) => body.title),
    column(({ body }) => channelsOf(body)),
    column(({ body }) => body.tags.join()),
    column(({ body, external_id }) => searchText(body, external_id)),
  ];
}

export const COPY = `copy contacts (workspace_id, id, external_id, first_name, last_name, title, channels, tags) from stdin`;

/** One line of COPY. No value of ours needs an escape. */
export function copyLine(workspace_id: string, { external_id, body }: ImportedRow): string {
  const { first_name, last_name, title, tags } = body;
  return `${[workspace_id, v7(), external_id, first_name, last_name, title, channelsOf(body), `{${tags.join()}}`].join('\t')}\n`;
}

function channelsOf({ email, phone }: ContactBody): string {
  return JSON.stringify([
    { kind: 'email', value: email },
    { kind: 'phone', value: phone },
  ]);
}
