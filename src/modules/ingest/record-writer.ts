import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Problem } from '../../platform/errors/problem.js';
import { CompaniesService, ContactsService } from '../contacts/index.js';
import type { IngestOptions } from './ingest.dto.js';
import { IngestRepository } from './ingest.repository.js';
import type { RowOutcome } from './ingest-row.entity.js';
import type { NormalisedRecord } from './source/normalise-record.js';

/** What became of one record. `code` and `message` say why it failed or was skipped. */
export interface RecordOutcome {
  readonly outcome: RowOutcome;
  readonly entity_id: string | null;
  /** What finds the same row again when it has no key of its own. */
  readonly digest?: string;
  readonly code?: string;
  readonly message?: string;
}

/**
 * Writes normalised records through the services of their rooms, so that each has the event, the search document and the
 * checks of any other change. A row without external id and e-mail (or domain) has no key that finds its record again;
 * such a row is remembered by a digest of its content, and the same row sent again is `unchanged`.
 */
@Injectable()
export class RecordWriter {
  constructor(
    private readonly contacts: ContactsService,
    private readonly companies: CompaniesService,
    private readonly runs: IngestRepository,
  ) {}

  /** One outcome for each record, in their order. Runs in the open transaction. */
  async write(records: readonly NormalisedRecord[], options: IngestOptions): Promise<RecordOutcome[]> {
    const digests = records.map((record) => (hasKey(record) ? undefined : digestOf(record)));
    const known = await this.runs.findByDigest(digests.filter((digest) => digest !== undefined));
    const outcomes = Array.from<RecordOutcome>({ length: records.length });
    const fresh: number[] = [];
    const first = new Map<string, number>();
    records.forEach((_record, index) => {
      const digest = digests[index];
      const entity_id = digest === undefined ? undefined : known.get(digest);
      if (digest !== undefined && entity_id !== undefined)
        outcomes[index] = { outcome: 'unchanged', entity_id, digest };
      else if (digest === undefined || !first.has(digest)) {
        if (digest !== undefined) first.set(digest, index);
        fresh.push(index);
      }
    });
    for (const entity of ['company', 'contact'] as const) {
      const indices = fresh.filter((index) => records[index]?.entity === entity);
      const written = await this.upsert(
        entity,
        indices.map((index) => records[index]?.values ?? {}),
        options,
      );
      indices.forEach((index, at) => {
        const outcome = written[at];
        const digest = digests[index];
        if (outcome)
          outcomes[index] = { ...outcome, ...(digest !== undefined && outcome.entity_id !== null && { digest }) };
      });
    }
    return records.map(
      (_record, index) => outcomes[index] ?? repeated(outcomes[first.get(digests[index] ?? '') ?? -1]),
    );
  }

  private async upsert(
    entity: 'contact' | 'company',
    rows: readonly object[],
    options: IngestOptions,
  ): Promise<RecordOutcome[]> {
    if (rows.length === 0) return [];
    const service = entity === 'contact' ? this.contacts : this.companies;
    const outcomes = await service.bulkUpsert(rows, {
      on_match: options.on_match ?? 'update',
      on_deleted: options.on_deleted ?? 'skip',
      on_ambiguous: options.on_ambiguous ?? 'fail',
    });
    return outcomes.map(({ status, id, problem }) => ({
      outcome: status,
      entity_id: id,
      ...(problem && { code: problem.slug, message: sentenceOf(problem) }),
    }));
  }
}

/** The second of two equal rows in one batch meets the record of the first. */
function repeated(outcome: RecordOutcome | undefined): RecordOutcome {
  if (!outcome) return { outcome: 'failed', entity_id: null, code: 'internal', message: 'The row got no outcome.' };
  return outcome.outcome === 'created' ? { ...outcome, outcome: 'unchanged' } : outcome;
}

function hasKey({ entity, values }: NormalisedRecord): boolean {
  if (values.external_id !== undefined) return true;
  return entity === 'contact'
    ? values.channels?.some(({ kind }) => kind === 'email') === true
    : (values.domains?.length ?? 0) > 0;
}

function digestOf({ entity, values }: NormalisedRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([entity, values]))
    .digest('base64url');
}

function sentenceOf({ title, detail, members }: Problem): string {
  const mistakes = members.errors?.map((mistake) => mistake.detail).join(' ');
  return mistakes ?? detail ?? title;
}
