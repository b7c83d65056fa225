import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Invalid } from '../../platform/errors/contract-problems.js';
import { type FieldMistake, Problem } from '../../platform/errors/problem.js';
import { type ListRequest, readListQuery } from '../../platform/http/listing.js';
import { tryReadDto } from '../../platform/http/read-dto.js';
import type { SearchDocument } from '../../platform/search/search-document.js';
import {
  applyContactPatch,
  applyContactRow,
  contactFault,
  type ContactInput,
  contactKeys,
  type ContactValues,
  EMPTY_CONTACT,
  readContact,
} from './apply-contact.js';
import { readChannelValue, withChannel } from './channels.js';
import { CONTACT_LIST, contactList } from './contacts.list.js';
import { type ContactRow, ContactsRepository } from './contacts.repository.js';
import type { UpsertDraft, UpsertKind, UpsertOutcome } from './bulk-upsert.js';
import { CompaniesService, companyReferenceKey } from './companies.service.js';
import { type AddChannel, CreateContact, type UpdateContact, UpsertContact } from './dto/contact.dto.js';
import { type BatchChoices, batchOptions, RecordRooms, RecordsService } from './records.service.js';
import type { UpsertOptions } from './upsert-options.js';
import { textsOf } from './texts-of.js';

/** People: every way in (REST, MCP, ingest, import) comes through here. */
@Injectable()
export class ContactsService extends RecordsService<ContactRow, ContactValues, ContactInput> implements OnModuleInit {
  readonly noun = 'contact';
  protected readonly kind: UpsertKind<ContactValues, ContactInput> = {
    noun: 'contact',
    empty: EMPTY_CONTACT,
    applyRow: applyContactRow,
    fault: contactFault,
    keysOf: contactKeys,
    nameOf: () => null,
    references: ({ owner_user_id, company_id }) => ({ user_id: owner_user_id, company_id, parent_id: null }),
    lockParents: () => Promise.resolve(new Map()),
  };
  protected readonly shown = [
    'external_id', 'name', 'first_name', 'last_name', 'email', 'phone', 'title', 'company_id', 'owner_user_id', 'channels',
    'tags', 'attributes', 'deleted_at',
  ] as const; // prettier-ignore

  constructor(
    rooms: RecordRooms,
    repository: ContactsRepository,
    private readonly companies: CompaniesService,
  ) {
    super(rooms, repository);
  }

  onModuleInit(): void {
    this.rooms.search.registerKind({ kind: this.noun, load: (ids) => this.loadTexts(ids) });
  }

  /** Reads the parameters of the list. @throws {Invalid} for what is none. */
  async readList(query: Readonly<Record<string, unknown>>): Promise<ListRequest> {
    return readListQuery('phone' in query ? contactList(await this.region()) : CONTACT_LIST, query);
  }

  /** @throws {Problem} 409 external-id-taken; 422 with a pointer for what is wrong. */
  async create(body: CreateContact): Promise<ContactRow> {
    return this.createRecord(await this.read(body));
  }

  /** Changes what the body names (RFC 7396). @throws {Problem} 404, 409 external-id-taken, 412, 422. */
  async update(id: string, body: UpdateContact): Promise<ContactRow> {
    const input = await this.read(body);
    return this.updateRecord(id, (before) => applyContactPatch(before, input));
  }

  /** Adds one address under the lock of the contact; one that is there is labelled or moved. */
  async addChannel(id: string, { kind, value, label, is_primary }: AddChannel): Promise<ContactRow> {
    const read = readChannelValue(kind, value, await this.region());
    if (!read.ok) throw new Invalid([{ pointer: '/value', detail: read.detail }]);
    const channel = { kind, value: read.value, ...(label && { label }) };
    return this.updateRecord(id, (before) => ({
      ...before,
      channels: withChannel(before.channels, channel, is_primary === true),
    }));
  }

  /** Creates or changes up to 1,000 contacts, each row on its own unless `is_atomic`. Rows are bodies of a create. */
  async batch(rows: readonly unknown[], choices: BatchChoices = {}): Promise<readonly UpsertOutcome[]> {
    const region = await this.region();
    return this.upsert(
      rows.map((row, index) => draftOf(CreateContact, row, index, region)),
      batchOptions(choices),
    );
  }

  /**
   * The same for other rooms, which choose how rows meet what is there. A row may name its company (`UpsertContact`), which
   * is found or made first. Runs in the open transaction, if one is open.
   */
  async bulkUpsert(rows: readonly unknown[], options: UpsertOptions = {}): Promise<readonly UpsertOutcome[]> {
    const region = await this.region();
    const drafts = rows.map((row, index) => draftOf(UpsertContact, row, index, region));
    return this.rooms.db.transaction(async () => this.upsert(await this.linked(drafts), options));
  }

  /** Finds or makes the companies that rows name. */
  private async linked(drafts: readonly UpsertDraft<ContactInput>[]): Promise<readonly UpsertDraft<ContactInput>[]> {
    const named = drafts.flatMap((draft) => ('input' in draft && draft.input.company ? [draft.input.company] : []));
    if (named.length === 0) return drafts;
    const ids = await this.companies.findOrCreate(named);
    return drafts.map((draft) => {
      if ('problem' in draft || !draft.input.company || draft.input.company_id) return draft;
      const found = ids.get(companyReferenceKey(draft.input.company));
      if (found instanceof Problem) return { problem: found };
      return found === undefined ? draft : { input: { ...draft.input, company_id: found } };
    });
  }

  protected apply(before: ContactValues, input: ContactInput): ContactValues {
    return applyContactPatch(before, input);
  }

  protected valuesOf(row: ContactRow): ContactValues {
    const { external_id, first_name, last_name, title, company_id, owner_user_id, channels, tags, attributes } = row;
    return { external_id, first_name, last_name, title, company_id, owner_user_id, channels, tags, attributes };
  }

  protected document(row: ContactRow): SearchDocument {
    const { name, email, created_at, tags } = row;
    return { title: name ?? email, text: textOf(row), tags, created_at };
  }

  protected about({ company_id }: ContactRow, before?: ContactRow): string[] {
    return [company_id, before?.company_id ?? null].filter((id) => id !== null);
  }

  private async read(body: UpdateContact): Promise<ContactInput> {
    const input = readContact(body, '', await this.region());
    if (Array.isArray(input)) throw new Invalid(input as readonly FieldMistake[]);
    return input as ContactInput;
  }

  /** Region of phone numbers without country code. */
  private async region(): Promise<string | undefined> {
    const { default_region } = await this.rooms.settings.of(this.rooms.context.workspaceId());
    return default_region;
  }

  private async loadTexts(ids: readonly string[]) {
    if (!this.rooms.context.principal().permissions.has('contacts:read')) return [];
    const rows = await this.rooms.db.read(() => this.repository.findAll(ids));
    return rows.map((row) => ({ id: row.id, title: row.name ?? row.email, text: textOf(row) }));
  }
}

/** A row in normal form, or why it is refused. */
function draftOf(
  dto: typeof CreateContact,
  row: unknown,
  index: number,
  region: string | undefined,
): UpsertDraft<ContactInput> {
  const read = tryReadDto(dto, row, `/${index}`);
  const input = Array.isArray(read) ? read : readContact(read, `/${index}`, region);
  if (Array.isArray(input)) return { problem: new Invalid(input as readonly FieldMistake[]) };
  return { input: input as ContactInput };
}

/** What a person is found by, beside the name. */
function textOf({ channels, title, external_id, tags, attributes }: ContactRow): string {
  const addresses = channels.map(({ value }) => value);
  return [...addresses, title, external_id, ...tags, ...textsOf(attributes)].filter(Boolean).join('\n');
}
