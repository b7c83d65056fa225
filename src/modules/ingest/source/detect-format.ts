import { nearestName } from '../../../platform/errors/nearest-name.js';

/** The formats a payload can have. `ndjson` is read by the JSON reader. */
export const FORMATS = ['csv', 'json', 'ndjson', 'vcard', 'text'] as const;
export type Format = (typeof FORMATS)[number];

/** What is known about a payload before it is read. */
export interface PayloadTraits {
  /** As the caller said it; decides alone. */
  readonly format?: string;
  /** Content-Type, parameters allowed. */
  readonly media_type?: string;
  readonly file_name?: string;
  /** The beginning of the decoded text; a kilobyte is enough. */
  readonly head: string;
}

export type FormatFound =
  | { readonly ok: true; readonly format: Format; readonly by: 'format' | 'media_type' | 'file_name' | 'content' }
  | {
      readonly ok: false;
      readonly code: 'unknown-format' | 'unreadable-payload';
      readonly detail: string;
      readonly suggestion?: string;
    };

const MEDIA_TYPES: ReadonlyMap<string, Format> = new Map(
  Object.entries<Format>({
    'text/csv': 'csv',
    'application/csv': 'csv',
    'application/vnd.ms-excel': 'csv', // what browsers on Windows send for .csv; a real workbook is seen by its first bytes
    'text/tab-separated-values': 'csv',
    'application/json': 'json',
    'text/json': 'json',
    'application/x-ndjson': 'ndjson',
    'application/ndjson': 'ndjson',
    'application/jsonl': 'ndjson',
    'text/vcard': 'vcard',
    'text/x-vcard': 'vcard',
    'text/directory': 'vcard',
  }),
);

const EXTENSIONS: ReadonlyMap<string, Format> = new Map(
  Object.entries<Format>({
    csv: 'csv',
    tsv: 'csv',
    tab: 'csv',
    json: 'json',
    ndjson: 'ndjson',
    jsonl: 'ndjson',
    vcf: 'vcard',
    vcard: 'vcard',
  }),
);

const ALIASES: ReadonlyMap<string, Format> = new Map(
  Object.entries<Format>({ tsv: 'csv', jsonl: 'ndjson', vcf: 'vcard', txt: 'text' }),
);

/** Files that are often sent by mistake, by their first characters (alike in UTF-8 and windows-1252). */
const NOT_TEXT: readonly (readonly [start: string, what: string])[] = [
  ['PK\u0003\u0004', 'a ZIP archive or an Excel workbook; save the sheet as CSV and send that'],
  ['%PDF-', 'a PDF document'],
  ['\u001f', 'a gzip archive; unpack it first'],
  ['\u00d0\u00cf\u0011\u00e0', 'an old Office document; save the sheet as CSV and send that'],
  ['SQLite format 3', 'an SQLite database'],
];

/** Finds the format: the caller's word, else the media type, else the file name, else the first characters, else CSV. */
export function detectFormat(traits: PayloadTraits): FormatFound {
  const head = traits.head.replace(/^\uFEFF/, '');
  const foreign = NOT_TEXT.find(([start]) => head.startsWith(start));
  if (foreign !== undefined) {
    return { ok: false, code: 'unreadable-payload', detail: `line 1, column 1: this is ${foreign[1]}` };
  }
  if (traits.format !== undefined) {
    const name = traits.format.trim().toLowerCase();
    const format = FORMATS.find((known) => known === name) ?? ALIASES.get(name);
    if (format !== undefined) return { ok: true, format, by: 'format' };
    const suggestion = nearestName(name, FORMATS);
    return {
      ok: false,
      code: 'unknown-format',
      detail: `${JSON.stringify(traits.format.slice(0, 40))} is no known format; known are ${FORMATS.join(', ')}`,
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  }
  const mediaType = traits.media_type?.split(';')[0]?.trim().toLowerCase() ?? '';
  const byMediaType = MEDIA_TYPES.get(mediaType);
  if (byMediaType !== undefined) return { ok: true, format: byMediaType, by: 'media_type' };
  const extension = /\.([a-z0-9]+)$/.exec(traits.file_name?.trim().toLowerCase() ?? '')?.[1] ?? '';
  const byFileName = EXTENSIONS.get(extension);
  if (byFileName !== undefined) return { ok: true, format: byFileName, by: 'file_name' };
  return { ok: true, format: formatOf(head.trimStart()), by: 'content' };
}

function formatOf(head: string): Format {
  if (/^(?:[a-z0-9-]+\.)?begin[ \t]*:[ \t]*vcard/i.test(head)) return 'vcard';
  return head.startsWith('[') || head.startsWith('{') ? 'json' : 'csv';
}
