import { Module, type OnModuleInit } from '@nestjs/common';
import { EventSchemas } from '../../platform/events/event-schemas.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { Bootstrap } from './bootstrap.js';
import { ApiKeyDto, RotatedApiKey } from './dto/api-key.dto.js';
import { MemberDto } from './dto/member.dto.js';
import { SsoConnectionDto } from './dto/sso-connection.dto.js';
import { WorkspaceReport } from './dto/workspace.dto.js';
import { MembersController } from './members.controller.js';
import { MembersService } from './members.service.js';
import { SsoConnectionsController } from './sso-connections.controller.js';
import { SsoConnectionsService } from './sso-connections.service.js';
import { WorkspacesController } from './workspaces.controller.js';
import { WorkspacesService } from './workspaces.service.js';

/** The front door of workspaces, members, keys and identity providers. */
@Module({
  controllers: [WorkspacesController, MembersController, ApiKeysController, SsoConnectionsController],
  providers: [Bootstrap, WorkspacesService, MembersService, ApiKeysService, SsoConnectionsService],
  exports: [Bootstrap],
})
export class WorkspacesModule implements OnModuleInit {
  constructor(private readonly schemas: EventSchemas) {}

  onModuleInit(): void {
    this.schemas.register('workspace', WorkspaceReport);
    this.schemas.register('member', MemberDto);
    this.schemas.register('api_key', ApiKeyDto);
    this.schemas.registerType('api_key.rotated', RotatedApiKey);
    this.schemas.register('sso_connection', SsoConnectionDto);
  }
}
