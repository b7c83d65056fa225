import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../contracts/events.js';
import { Consumes } from '../../platform/events/consumes.decorator.js';
import { CompaniesService } from './companies.service.js';
import { ContactsService } from './contacts.service.js';

/** What happens to contacts and companies when something happened elsewhere. */
@Injectable()
export class ContactsConsumers {
  constructor(
    private readonly contacts: ContactsService,
    private readonly companies: CompaniesService,
  ) {}

  /** Nobody looks after the records of a member who left; the subject of the event is `member/<user id>`. */
  @Consumes({ name: 'contacts.owners', types: ['workspace.member_removed'] })
  async clearOwners(events: readonly DomainEvent[]): Promise<void> {
    const user_ids = events.map(({ subject }) => subject.slice(subject.indexOf('/') + 1));
    await this.contacts.clearOwners(user_ids);
    await this.companies.clearOwners(user_ids);
  }
}
