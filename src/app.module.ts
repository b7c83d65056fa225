import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import type { AppConfig } from '../config/app-config.js';
import { ContactsModule } from './modules/contacts/contacts.module.js';
import { IngestModule } from './modules/ingest/ingest.module.js';
import { McpModule } from './modules/mcp/mcp.module.js';
import { WebhooksModule } from './modules/webhooks/webhooks.module.js';
import { WorkspacesModule } from './modules/workspaces/workspaces.module.js';
import { AuthModule } from './platform/auth/auth.module.js';
import { ContextModule } from './platform/context/context.module.js';
import { DatabaseModule } from './platform/database/database.module.js';
import type { RoleUrls } from './platform/database/roles.js';
import { EventsModule } from './platform/events/events.module.js';
import { HttpModule } from './platform/http/http.module.js';
import { JobsModule } from './platform/jobs/jobs.module.js';
import { LimitsModule } from './platform/limits/limits.module.js';
import { OutboundModule } from './platform/outbound/outbound.module.js';
import { SearchModule } from './platform/search/search.module.js';
import { Secrets } from './platform/secrets/secrets.js';
import { StorageModule } from './platform/storage/storage.module.js';
import { TelemetryModule } from './platform/telemetry/telemetry.module.js';

/** Each section of the configuration, injectable by its class. */
@Global()
@Module({})
class ConfigModule {
  static for(config: AppConfig, secretKey: string): DynamicModule {
    const sections = Object.values(config) as object[];
    const providers = [
      ...sections.map((section) => ({ provide: section.constructor, useValue: section })),
      { provide: Secrets, useValue: new Secrets(secretKey) },
    ];
    return { module: ConfigModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}

/** The list of rooms. */
@Module({})
export class AppModule {
  /** @param more rooms of a test bench, beside those of the product */
  static for(config: AppConfig, urls: RoleUrls, secretKey: string, more: readonly Type[] = []): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.for(config, secretKey),
        ContextModule,
        DatabaseModule.for(config.database, urls),
        AuthModule,
        HttpModule,
        StorageModule,
        TelemetryModule,
        ContactsModule,
        IngestModule,
        WebhooksModule,
        WorkspacesModule,
        EventsModule,
        JobsModule,
        LimitsModule,
        OutboundModule,
        SearchModule,
        McpModule,
        ...more,
      ],
    };
  }
}
