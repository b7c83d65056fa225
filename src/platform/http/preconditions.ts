import { Injectable } from '@nestjs/common';
import { Context } from '../context/context.js';
import { PreconditionFailed } from '../errors/contract-problems.js';
import { etagOf, matches } from './engawa-adapter.js';

/** If-Match (RFC 9110, 13.1.1), compared by services under the lock of the row they are about to change. */
@Injectable()
export class Preconditions {
  constructor(private readonly context: Context) {}

  /** @throws {PreconditionFailed} when the caller named another version of the resource. */
  check(resource: object): void {
    const { if_match } = this.context.current();
    if (if_match !== undefined && !matches(if_match, etagOf(resource))) throw new PreconditionFailed();
  }
}
