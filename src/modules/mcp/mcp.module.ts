import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { GuideResources } from './guide.resources.js';
import { LegacySessions } from './legacy-sessions.js';
import { McpCatalogue } from './mcp-catalogue.js';
import { McpController } from './mcp.controller.js';
import { McpFilter } from './mcp.filter.js';
import { McpOffers } from './mcp-offers.js';
import { McpServers } from './mcp-servers.js';
import { ModernEndpoint } from './modern-endpoint.js';
import { OpenStreams } from './open-streams.js';
import { ProtectedResourceController } from './protected-resource.controller.js';
import { RunKinds } from './run-kinds.js';
import { RunsTools } from './runs.tools.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  controllers: [McpController, ProtectedResourceController],
  providers: [
    GuideResources,
    LegacySessions,
    McpCatalogue,
    McpFilter,
    McpOffers,
    McpServers,
    ModernEndpoint,
    OpenStreams,
    RunKinds,
    RunsTools,
  ],
  exports: [McpCatalogue, RunKinds],
})
export class McpModule {}
