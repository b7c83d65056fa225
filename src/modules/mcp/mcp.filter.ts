import { type ArgumentsHost, Catch, type ExceptionFilter, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { HttpConfig } from '../../../config/app-config.js';
import { Context } from '../../platform/context/context.js';
import { Unauthenticated } from '../../platform/errors/contract-problems.js';
import { Problem } from '../../platform/errors/problem.js';
import { ProblemFilter } from '../../platform/errors/problem.filter.js';
import { publicUrl } from './public-url.js';
import { answerRpcError, rpcIdOf } from './rpc-error.js';

/** What the guards refuse on /mcp, as its clients expect it: a challenge that leads to a credential, limits as JSON-RPC. */
@Catch()
@Injectable()
export class McpFilter implements ExceptionFilter {
  constructor(
    private readonly problems: ProblemFilter,
    private readonly context: Context,
    private readonly config: HttpConfig,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    if (error instanceof Unauthenticated && request.path !== '/sse') {
      this.problems.answer(new Unauthenticated({ 'www-authenticate': this.challenge(request) }), request, response);
    } else if (error instanceof Problem && error.status === 429 && !response.headersSent) {
      const body = error.toBody(this.context.current().request_id);
      answerRpcError(response, 429, -32_000, error.message, error.members.headers, {
        id: rpcIdOf(request.body),
        data: body,
      });
    } else {
      this.problems.answer(error, request, response);
    }
  }

  /** RFC 9728, section 5.1. */
  private challenge(request: Request): string {
    const metadata = `${publicUrl(this.config, request)}/.well-known/oauth-protected-resource/mcp`;
    const reason = request.headers.authorization === undefined ? '' : ', error="invalid_token"';
    return `Bearer resource_metadata="${metadata}"${reason}`;
  }
}
