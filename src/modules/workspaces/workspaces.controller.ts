import { Body, Controller, Get, Patch, Post } from '@nestjs/common';
import { Requires } from '../../platform/auth/requires.decorator.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import { CreatedWorkspace, CreateWorkspace, UpdateWorkspace, WorkspaceDto } from './dto/workspace.dto.js';
import { WorkspacesService } from './workspaces.service.js';

/** The workspace over HTTP. */
@Controller('api/v1')
export class WorkspacesController {
  constructor(private readonly workspaces: WorkspacesService) {}

  @Get('workspace')
  @Requires('workspace:read')
  @Operation({ id: 'workspace.get', summary: 'Read your workspace', answers: WorkspaceDto })
  get() {
    return this.workspaces.get();
  }

  @Patch('workspace')
  @Requires('workspace:admin')
  @Operation({
    id: 'workspace.update',
    summary: 'Change name and settings of your workspace',
    answers: WorkspaceDto,
    problems: ['409 slug-taken'],
  })
  update(@Body() body: UpdateWorkspace) {
    return this.workspaces.update(body);
  }

  @Post('workspaces')
  @Requires()
  @Operation({
    id: 'workspaces.create',
    summary: 'Make another workspace, with an owner key that is shown once',
    answers: CreatedWorkspace,
    problems: ['409 slug-taken'],
  })
  create(@Body() body: CreateWorkspace) {
    return this.workspaces.create(body);
  }
}
