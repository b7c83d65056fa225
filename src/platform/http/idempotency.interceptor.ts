import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Request, Response } from 'express';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Idempotency } from './idempotency.js';

/** Applies Idempotency-Key (IETF draft-07) to a POST or PATCH. Without the header it costs nothing. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: Idempotency) {}

  intercept(execution: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const http = execution.switchToHttp();
    const request = http.getRequest<Request>();
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string') return next.handle();
    const response = http.getResponse<Response>();
    return from(
      this.idempotency
        .once(
          { key, operation: `${request.method} ${request.originalUrl}`, input: request.body as unknown },
          async () => {
            const body = await lastValueFrom(next.handle(), { defaultValue: undefined });
            const location = response.getHeader('location');
            return { status: response.statusCode, body, ...(typeof location === 'string' && { location }) };
          },
        )
        .then((answer) => {
          response.status(answer.status);
          if (answer.location) response.setHeader('location', answer.location);
          if (answer.is_replay) response.setHeader('idempotent-replayed', 'true');
          return answer.body;
        }),
    );
  }
}
