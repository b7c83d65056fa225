import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Context } from '../context/context.js';
import { Invalid } from '../errors/contract-problems.js';
import { didYouMean } from '../errors/nearest-name.js';
import type { FieldMistake } from '../errors/problem.js';
import { permitted, readSubject, readTypes } from './event-filter.js';
import { EventQueries } from './event-queries.js';
import { EventStream } from './event-stream.js';
import type { StreamFormat } from './stream-frames.js';

const PARAMETERS = ['types', 'subject', 'last_event_id'];

/** Opens streams as requests ask for them. */
@Injectable()
export class Streams {
  constructor(
    private readonly context: Context,
    private readonly queries: EventQueries,
    private readonly engine: EventStream,
  ) {}

  /** @throws {Invalid} for unknown types and parameters, and for an id that is no event of the workspace. */
  async open(
    query: Readonly<Record<string, unknown>>,
    lastEventId: string | undefined,
    format: StreamFormat,
    response: ServerResponse,
  ): Promise<void> {
    const mistakes: FieldMistake[] = [];
    const one = (name: string): string | undefined => {
      const value = query[name];
      if (value === undefined || typeof value === 'string') return value;
      mistakes.push({ pointer: `?${name}`, detail: `${name} is given more than once.` });
      return undefined;
    };
    for (const name of Object.keys(query)) {
      if (PARAMETERS.includes(name)) continue;
      const hint = didYouMean(name, PARAMETERS);
      mistakes.push({
        pointer: `?${name.slice(0, 100)}`,
        detail: `${name.slice(0, 64)} is no parameter here. ${hint}`,
      });
    }
    const types = readTypes(one('types'), '?types', mistakes);
    const subject = readSubject(one('subject'), '?subject', mistakes);
    const last = lastEventId ?? one('last_event_id');
    if (mistakes.length > 0) throw new Invalid(mistakes);
    const filter = {
      types: permitted(types, this.context.principal()),
      subject: subject ? `${subject.type}/${subject.id}` : null,
      format,
    };
    await this.engine.open(response, filter, await this.queries.streamStart(last));
  }

  status(): { subscribers: number } {
    return { subscribers: this.engine.count(this.context.workspaceId()) };
  }
}
