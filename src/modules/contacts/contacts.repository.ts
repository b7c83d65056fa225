import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { ContactValues } from './apply-contact.js';
import type { ContactEntity } from './contact.entity.js';
import { RecordsRepository } from './records.repository.js';

/** A contact as it is answered. */
export type ContactRow = Readonly<ContactEntity>;

/** The statements of people. */
@Injectable()
export class ContactsRepository extends RecordsRepository<ContactRow, ContactValues> {
  constructor(db: Database) {
    super(db, {
      name: 'contacts',
      noun: 'contact',
      columns: [
        'id', 'external_id', 'name', 'first_name', 'last_name', 'email', 'phone', 'title', 'company_id', 'owner_user_id',
        'channels', 'tags', 'attributes', 'created_at', 'updated_at', 'deleted_at',
      ], // prettier-ignore
      written: {
        external_id: 'text',
        first_name: 'text',
        last_name: 'text',
        title: 'text',
        company_id: 'uuid',
        owner_user_id: 'uuid',
        channels: 'jsonb',
        tags: 'text[]',
        attributes: 'jsonb',
      },
      key_kind: 'email',
    });
  }
}
