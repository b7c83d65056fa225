import { timingSafeEqual } from 'node:crypto';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { register } from 'prom-client';
import { TelemetryConfig } from '../../../config/app-config.js';
import { Context } from '../context/context.js';
import { Unauthenticated } from '../errors/contract-problems.js';
import { Public } from '../auth/requires.decorator.js';
import { Operation } from '../http/operation.decorator.js';
import { Health } from './health.js';

@Controller()
export class HealthController {
  constructor(
    private readonly health: Health,
    private readonly config: TelemetryConfig,
    private readonly context: Context,
  ) {}

  @Get('/health')
  @Public()
  @Operation({ id: 'health.get', summary: 'The process is alive' })
  alive(): { status: string } {
    return { status: 'ok' };
  }

  @Get('/ready')
  @Public()
  @Operation({ id: 'ready.get', summary: 'The process can do its work', problems: ['503 not-ready'] })
  async ready(@Res({ passthrough: true }) response: Response): Promise<object> {
    const { is_ready, checks } = await this.health.report();
    response.status(is_ready ? 200 : 503);
    return { status: is_ready ? 'ready' : 'not ready', checks };
  }

  @Get('/metrics')
  @Public()
  @Operation({ id: 'metrics.get', summary: 'Prometheus metrics', produces: ['text/plain'] })
  async metrics(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<string> {
    if (!this.mayRead(request)) throw new Unauthenticated();
    response.setHeader('content-type', register.contentType);
    return register.metrics();
  }

  private mayRead(request: Request): boolean {
    const { metrics_token: token } = this.config;
    if (token === '') return /^(::ffff:)?127\.|^::1$/.test(this.context.current().ip ?? '');
    const given = Buffer.from(request.headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${token}`);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}
