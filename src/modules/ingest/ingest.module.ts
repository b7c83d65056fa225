import { Module, type OnModuleInit } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventSchemas } from '../../platform/events/event-schemas.js';
import { ContactsModule } from '../contacts/contacts.module.js';
import { FailedRowsCsv } from './failed-rows-csv.js';
import { IngestController } from './ingest.controller.js';
import { IngestRunDto } from './ingest.dto.js';
import { IngestJobs } from './ingest.jobs.js';
import { IngestRepository } from './ingest.repository.js';
import { IngestService } from './ingest.service.js';
import { IngestTools } from './ingest.tools.js';
import { IngestRetention } from './ingest-retention.js';
import { IngestRow } from './ingest-row.entity.js';
import { IngestRun } from './ingest-run.entity.js';
import { IngestRunner } from './ingest-runner.js';
import { RecordWriter } from './record-writer.js';
import { SourceFiles } from './source-files.js';

/** How data from outside becomes records. */
@Module({
  imports: [TypeOrmModule.forFeature([IngestRun, IngestRow], 'app'), ContactsModule],
  controllers: [IngestController],
  providers: [
    FailedRowsCsv,
    IngestJobs,
    IngestRepository,
    IngestRetention,
    IngestRunner,
    IngestService,
    IngestTools,
    RecordWriter,
    SourceFiles,
  ],
  exports: [IngestService],
})
export class IngestModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.register('ingest_run', IngestRunDto);
  }
}
