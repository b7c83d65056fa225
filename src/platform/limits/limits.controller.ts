import { Body, Controller, Get, Put } from '@nestjs/common';
import { Requires } from '../auth/requires.decorator.js';
import { Context } from '../context/context.js';
import { Operation } from '../http/operation.decorator.js';
import { CallerPolicies } from './caller-policies.js';
import { Limiter } from './limiter.js';
import { StandingsDto, WorkspaceLimitsDto } from './limits.dto.js';
import { WorkspaceLimits } from './workspace-limits.js';

@Controller('api/v1')
export class LimitsController {
  constructor(
    private readonly context: Context,
    private readonly policies: CallerPolicies,
    private readonly limiter: Limiter,
    private readonly workspaceLimits: WorkspaceLimits,
  ) {}

  @Get('limits')
  @Requires()
  @Operation({ id: 'limits.get', summary: 'Where the caller stands in each rate limit', answers: StandingsDto })
  async standing(): Promise<StandingsDto> {
    const policies = await this.policies.of(this.context.principal());
    return { items: await this.limiter.standing(policies) };
  }

  @Put('workspace/limits')
  @Requires('workspace:admin')
  @Operation({
    id: 'workspace_limits.replace',
    summary: "Set the rate limits of the workspace's callers",
    answers: WorkspaceLimitsDto,
    is_not_idempotent: true,
  })
  replace(@Body() body: WorkspaceLimitsDto): Promise<WorkspaceLimitsDto> {
    return this.workspaceLimits.replace(body);
  }
}
