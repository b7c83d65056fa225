import { Module, type OnModuleInit } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventSchemas } from '../../platform/events/event-schemas.js';
import { CompaniesController } from './companies.controller.js';
import { CompaniesRepository } from './companies.repository.js';
import { CompaniesService } from './companies.service.js';
import { CompaniesTools } from './companies.tools.js';
import { CompanyEntity } from './company.entity.js';
import { ContactEntity } from './contact.entity.js';
import { ContactsConsumers } from './contacts.consumers.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsRepository } from './contacts.repository.js';
import { ContactsService } from './contacts.service.js';
import { ContactsTools } from './contacts.tools.js';
import { CompanyDto } from './dto/company.dto.js';
import { ContactDto } from './dto/contact.dto.js';
import { RecordRooms } from './records.service.js';

/** People and companies. */
@Module({
  imports: [TypeOrmModule.forFeature([ContactEntity, CompanyEntity], 'app')],
  controllers: [ContactsController, CompaniesController],
  providers: [
    RecordRooms,
    ContactsRepository,
    CompaniesRepository,
    ContactsService,
    CompaniesService,
    ContactsConsumers,
    ContactsTools,
    CompaniesTools,
  ],
  exports: [ContactsService, CompaniesService],
})
export class ContactsModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.register('contact', ContactDto);
    this.schemas.register('company', CompanyDto);
  }
}
