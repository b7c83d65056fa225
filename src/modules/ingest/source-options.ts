import { Invalid } from '../../platform/errors/contract-problems.js';
import type { IngestOptions } from './ingest.dto.js';
import type { IngestRun } from './ingest-run.entity.js';
import { type Mapping, parseMapping } from './source/mapping.js';
import type { SourceOptions } from './source/open-source.js';

/**
 * Understands a mapping document.
 * @throws {Invalid} with a pointer for each thing it does not know.
 */
export function readMapping(document: unknown, entity: string | null | undefined): Mapping {
  const reading = parseMapping(document ?? undefined, entity ?? undefined);
  if (reading.ok) return reading.mapping;
  throw new Invalid(
    reading.errors.map(({ pointer, detail, suggestion }) => ({
      pointer: pointer === '' && entity ? '/entity' : `/mapping${pointer}`,
      detail: suggestion === undefined ? detail : `${detail}. Did you mean "${suggestion}"?`,
    })),
  );
}

type Described = Pick<IngestRun, 'format' | 'media_type' | 'file_name' | 'mapping' | 'entity' | 'options'>;

/** How the source of a run is to be opened. */
export function sourceOptions(run: Described, region: string | undefined): SourceOptions {
  const { charset, delimiter, has_header, external_id } = run.options as IngestOptions;
  const mapping = readMapping(run.mapping, run.entity);
  return {
    mapping,
    ...(mapping.entity !== undefined && { entity: mapping.entity }),
    ...(run.format !== null && { format: run.format }),
    ...(run.media_type !== null && { media_type: run.media_type }),
    ...(run.file_name !== null && { file_name: run.file_name }),
    ...(charset != null && { charset }),
    ...(delimiter != null && { delimiter }),
    ...(has_header != null && { has_header }),
    ...(external_id != null && { external_id }),
    ...(region !== undefined && { region }),
  };
}
