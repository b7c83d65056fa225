export { CompaniesService } from './companies.service.js';
export type { CompanyRow } from './companies.repository.js';
export { COMPANY_LIST, CONTACT_LIST } from './contacts.list.js';
export type { ContactRow } from './contacts.repository.js';
export { ContactsModule } from './contacts.module.js';
export { ContactsService } from './contacts.service.js';
export { CompanyDto, CreateCompany, UpdateCompany, UpsertCompany } from './dto/company.dto.js';
export { AddChannel, ContactDto, CreateContact, UpdateContact, UpsertContact } from './dto/contact.dto.js';
