import { Injectable } from '@nestjs/common';
import { BooleanField, ObjectField, TextField, UuidField } from '../../platform/http/fields.js';
import { readListQuery } from '../../platform/http/listing.js';
import { ListArguments, listQueryOf, Resource, Tool, underPointer } from '../mcp/index.js';
import { CONTACT_LIST } from './contacts.list.js';
import { ContactsService } from './contacts.service.js';
import { ContactDto, CreateContact, UpdateContact } from './dto/contact.dto.js';

class SearchContacts extends ListArguments {
  @TextField({ description: 'Words of the name, address, title or custom fields.', max_length: 500, is_optional: true })
  query?: string | null;

  @TextField({ description: 'Any of the e-mail addresses, exactly.', max_length: 1_000, is_optional: true })
  email?: string | null;

  @TextField({ description: 'Any of the phone numbers.', max_length: 1_000, is_optional: true })
  phone?: string | null;

  @UuidField({ description: 'Only people of this company.', is_optional: true })
  company_id?: string | null;

  @TextField({ description: 'Only people with this tag.', max_length: 64, is_optional: true })
  tag?: string | null;

  @TextField({ description: 'The id in another system, exactly.', max_length: 255, is_optional: true })
  external_id?: string | null;
}

class ContactReference {
  @UuidField({ description: 'Id of the contact.' })
  contact_id!: string;
}

class ChangeContact extends ContactReference {
  @ObjectField(() => UpdateContact, {
    description: 'The fields to change; all others stay as they are. Null clears a field, a list replaces the list.',
  })
  updates!: UpdateContact;
}

class DeletedContact extends ContactReference {
  @BooleanField({ description: 'Always true.' })
  is_deleted!: boolean;
}

/** People over MCP. */
@Injectable()
export class ContactsTools {
  constructor(private readonly contacts: ContactsService) {}

  @Tool({
    name: 'search_contacts',
    title: 'Search contacts',
    description:
      'Finds people by words (query), by an exact e-mail address, phone number or external id, by company or by tag; ' +
      'several conditions must all hold. Without any it lists the newest. Use it before create_contact, so that nobody is ' +
      'entered twice; get_contact reads one whose id you know.',
    input: SearchContacts,
    output: ContactDto,
    is_list: true,
    permissions: ['contacts:read'],
  })
  search(input: SearchContacts) {
    return this.contacts.list(readListQuery(CONTACT_LIST, listQueryOf(input)));
  }

  @Tool({
    name: 'get_contact',
    title: 'Read a contact',
    description: 'The whole record of one person. Find the id with search_contacts.',
    input: ContactReference,
    output: ContactDto,
    permissions: ['contacts:read'],
  })
  get({ contact_id }: ContactReference) {
    return this.contacts.get(contact_id);
  }

  @Tool({
    name: 'create_contact',
    title: 'Create a contact',
    description:
      'Enters a new person. At least one of first_name, last_name, external_id or an address is needed. Search first: if the ' +
      'person is there already, use update_contact. Lists of many people go through ingest.',
    input: CreateContact,
    output: ContactDto,
    permissions: ['contacts:write'],
    hints: { is_destructive: false },
  })
  create(input: CreateContact) {
    return this.contacts.create(input);
  }

  @Tool({
    name: 'update_contact',
    title: 'Change a contact',
    description:
      'Changes the fields named in updates and leaves all others. A list (tags, channels) replaces the list, so read the ' +
      'contact first if you want to add to one.',
    input: ChangeContact,
    output: ContactDto,
    permissions: ['contacts:write'],
    hints: { is_idempotent: true },
  })
  update({ contact_id, updates }: ChangeContact) {
    return underPointer('/updates', () => this.contacts.update(contact_id, updates));
  }

  @Tool({
    name: 'delete_contact',
    title: 'Delete a contact',
    description: 'Takes a person out of lists and searches. A person can bring the record back; nothing is lost.',
    input: ContactReference,
    output: DeletedContact,
    permissions: ['contacts:write'],
    hints: { is_idempotent: false },
  })
  async delete({ contact_id }: ContactReference): Promise<DeletedContact> {
    await this.contacts.delete(contact_id);
    return { contact_id, is_deleted: true };
  }

  @Resource({
    uri: 'crm://contact/{id}',
    name: 'contact',
    title: 'A contact',
    description: 'The record of one person, as JSON.',
    permissions: ['contacts:read'],
  })
  contact({ id = '' }: Readonly<Record<string, string>>) {
    return this.contacts.get(id);
  }
}
