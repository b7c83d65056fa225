import { Module, type OnModuleInit } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventSchemas } from '../../platform/events/event-schemas.js';
import { OutboundModule } from '../../platform/outbound/outbound.module.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeliverJob } from './deliver.job.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveryDto } from './deliveries.dto.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveryOutcomes } from './delivery-outcomes.js';
import { DeliveryQueue } from './delivery-queue.js';
import { Departures } from './departures.js';
import { EndpointTurns } from './endpoint-turns.js';
import { WebhookFanOut } from './fan-out.consumer.js';
import { FlightsRepository } from './flights.repository.js';
import { Landings } from './landings.js';
import { RecoveryRepository } from './recovery.repository.js';
import { RecoveryService } from './recovery.service.js';
import { RetentionRepository } from './retention.repository.js';
import { WebhookRetention } from './retention.js';
import { TestEvents } from './test-events.js';
import { Webhook } from './webhook.entity.js';
import { WebhookAttempt } from './webhook-attempt.entity.js';
import { WebhookDelivery } from './webhook-delivery.entity.js';
import { WebhookHealthRepository } from './webhook-health.repository.js';
import { WebhookSecret } from './webhook-secret.entity.js';
import { WebhookSecretsService } from './webhook-secrets.service.js';
import { WebhookVault } from './webhook-vault.js';
import { WebhookViews } from './webhook-views.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhookDto } from './webhooks.dto.js';
import { WebhooksRepository } from './webhooks.repository.js';
import { WebhooksService } from './webhooks.service.js';

/** Tells other systems what happened. */
@Module({
  imports: [TypeOrmModule.forFeature([Webhook, WebhookSecret, WebhookDelivery, WebhookAttempt], 'app'), OutboundModule],
  controllers: [DeadLettersController, WebhooksController, DeliveriesController],
  providers: [
    DeliverJob,
    DeliveriesRepository,
    DeliveriesService,
    DeliveryOutcomes,
    DeliveryQueue,
    Departures,
    EndpointTurns,
    FlightsRepository,
    Landings,
    RecoveryRepository,
    RecoveryService,
    RetentionRepository,
    TestEvents,
    WebhookFanOut,
    WebhookHealthRepository,
    WebhookRetention,
    WebhookSecretsService,
    WebhookVault,
    WebhookViews,
    WebhooksRepository,
    WebhooksService,
  ],
})
export class WebhooksModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.register('webhook', WebhookDto);
    this.schemas.register('webhook_delivery', DeliveryDto);
  }
}
