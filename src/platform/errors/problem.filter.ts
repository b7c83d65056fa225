import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Injectable, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Context } from '../context/context.js';
import { UnreadableRequest } from './contract-problems.js';
import { Problem } from './problem.js';

/** Answers every refusal as `application/problem+json` (RFC 9457). What is no Problem is a bug: logged, answered bare. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('errors');

  constructor(private readonly context: Context) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<Request>(), http.getResponse<Response>());
  }

  /** Also for what fails before a route is found. */
  answer(error: unknown, request: Request, response: Response): void {
    const problem = this.toProblem(error, request);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const instance = this.context.find()?.request_id ?? '';
    response.statusCode = problem.status;
    for (const [name, value] of Object.entries(problem.members.headers ?? {})) response.setHeader(name, value);
    response.setHeader('content-type', 'application/problem+json; charset=utf-8');
    response.end(JSON.stringify(problem.toBody(instance)));
  }

  private toProblem(error: unknown, request: Request): Problem {
    if (error instanceof HttpException) return fromNest(error, request);
    if (error instanceof URIError) return new UnreadableRequest('The path is not valid percent-encoding.');
    return this.problemOf(error);
  }

  /** What a caller is told of an error, by whichever way they came. A bug is logged here. */
  problemOf(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (isUnreachable(error)) {
      this.logger.warn(`the database cannot be reached: ${error instanceof Error ? error.message : String(error)}`);
      return new Problem(
        503,
        'database-unavailable',
        'Temporarily unavailable',
        'The database cannot be reached. Try again shortly.',
        {
          headers: { 'retry-after': '1' },
        },
      );
    }
    this.logger.error(error instanceof Error ? error : new Error(String(error)));
    return new Problem(
      500,
      'internal-error',
      'Internal error',
      'This is a fault of the server. Quote the request id when you report it.',
    );
  }
}

function fromNest(error: HttpException, request: Request): Problem {
  const status = error.getStatus();
  if (status === 404) {
    return new Problem(
      404,
      'route-not-found',
      'No such route',
      `${request.method} ${request.path.slice(0, 200)} is no route of this API.`,
      {
        suggestion: 'GET /api/v1 lists the resources, /openapi.json every operation.',
      },
    );
  }
  return status < 500
    ? new Problem(status, 'request-refused', 'The request was refused', error.message)
    : new Problem(status, 'unavailable', 'Temporarily unavailable');
}

/** The connection failed or was ended by the server (SQLSTATE class 57P, Node's socket errors). */
function isUnreachable(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
  if (/^(57P0[123]|08\d{3}|53300)$/.test(String(code))) return true;
  if (syscall === 'connect' && /^(ECONNREFUSED|ENOENT|ETIMEDOUT)$/.test(String(code))) return true;
  return (
    error instanceof Error &&
    /^Connection terminated|^timeout exceeded when trying to connect|not queryable/.test(error.message)
  );
}
