import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Invalid } from '../../platform/errors/contract-problems.js';
import type { FieldMistake } from '../../platform/errors/problem.js';
import type { SearchDocument } from '../../platform/search/search-document.js';
import {
  applyContactPatch,
  contactFault,
  type ContactInput,
  type ContactValues,
  EMPTY_CONTACT,
  readContact,
} from './apply-contact.js';
import { readChannelValue, withChannel } from './channels.js';
import { type ContactRow, ContactsRepository } from './contacts.repository.js';
import type { AddChannel, CreateContact, UpdateContact } from './dto/contact.dto.js';
import { RecordRooms, RecordsService } from './records.service.js';
import { textsOf } from './texts-of.js';

/** People: every way in (REST, MCP, ingest, import) comes through here. */
@Injectable()
export class ContactsService extends RecordsService<ContactRow, ContactValues, ContactInput> implements OnModuleInit {
  readonly noun = 'contact';
  protected readonly empty = EMPTY_CONTACT;
  protected readonly shown = [
    'external_id', 'name', 'first_name', 'last_name', 'email', 'phone', 'title', 'company_id', 'owner_user_id', 'channels',
    'tags', 'attributes', 'deleted_at',
  ] as const; // prettier-ignore

  constructor(rooms: RecordRooms, repository: ContactsRepository) {
    super(rooms, repository);
  }

  onModuleInit(): void {
    this.rooms.search.registerKind({ kind: this.noun, load: (ids) => this.loadTexts(ids) });
  }

  /** @throws {Problem} 409 external-id-taken; 422 with a pointer for what is wrong. */
  async create(body: CreateContact): Promise<ContactRow> {
    return this.createRecord(this.read(body));
  }

  /** Changes what the body names (RFC 7396). @throws {Problem} 404, 409 external-id-taken, 412, 422. */
  async update(id: string, body: UpdateContact): Promise<ContactRow> {
    const input = this.read(body);
    return this.updateRecord(id, (before) => applyContactPatch(before, input));
  }

  /** Adds one address under the lock of the contact; one that is there is labelled or moved. */
  async addChannel(id: string, { kind, value, label, is_primary }: AddChannel): Promise<ContactRow> {
    const read = readChannelValue(kind, value, this.region());
    if (!read.ok) throw new Invalid([{ pointer: '/value', detail: read.detail }]);
    const channel = { kind, value: read.value, ...(label && { label }) };
    return this.updateRecord(id, (before) => ({
      ...before,
      channels: withChannel(before.channels, channel, is_primary === true),
    }));
  }

  protected apply(before: ContactValues, input: ContactInput): ContactValues {
    return applyContactPatch(before, input);
  }

  protected fault(values: ContactValues): FieldMistake | undefined {
    return contactFault(values);
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

  protected checkTree(): Promise<void> {
    return Promise.resolve();
  }

  private read(body: UpdateContact): ContactInput {
    const input = readContact(body, '', this.region());
    if (Array.isArray(input)) throw new Invalid(input as readonly FieldMistake[]);
    return input as ContactInput;
  }

  /** Region of phone numbers without country code. */
  private region(): string | undefined {
    return undefined;
  }

  private async loadTexts(ids: readonly string[]) {
    if (!this.rooms.context.principal().permissions.has('contacts:read')) return [];
    const rows = await this.rooms.db.read(() => this.repository.findAll(ids));
    return rows.map((row) => ({ id: row.id, title: row.name ?? row.email, text: textOf(row) }));
  }
}

/** What a person is found by, beside the name. */
function textOf({ channels, title, external_id, tags, attributes }: ContactRow): string {
  const addresses = channels.map(({ value }) => value);
  return [...addresses, title, external_id, ...tags, ...textsOf(attributes)].filter(Boolean).join('\n');
}
