import {
  BooleanField,
  ChoiceField,
  IntegerField,
  items,
  JsonField,
  ListField,
  ObjectField,
  TextField,
  TimestampField,
  UuidField,
} from '../../platform/http/fields.js';
import { FORMATS } from './source/detect-format.js';

/** How rows are read, matched and written. */
export class IngestOptions {
  @TextField({
    description: 'Charset of the bytes, such as windows-1252. Default: found out.',
    max_length: 40,
    is_optional: true,
  })
  charset?: string | null;

  @ChoiceField([',', ';', '\t', '|'], { description: 'Delimiter of a CSV. Default: found out.', is_optional: true })
  delimiter?: string | null;

  @BooleanField({ description: 'Whether a CSV begins with a header row. Default: found out.', is_optional: true })
  has_header?: boolean | null;

  @TextField({
    description: 'The column whose cells are the external id; "uid" takes the UID of vCards.',
    max_length: 255,
    is_optional: true,
  })
  external_id?: string | null;

  @ChoiceField(['update', 'fill_empty', 'skip', 'create'], {
    description: 'What a row does to the record that it matches.',
    is_optional: true,
  })
  on_match?: 'update' | 'fill_empty' | 'skip' | 'create' | null;

  @ChoiceField(['skip', 'restore', 'create'], {
    description: 'What a row does when it matches a deleted record.',
    is_optional: true,
  })
  on_deleted?: 'skip' | 'restore' | 'create' | null;

  @ChoiceField(['fail', 'external_id'], {
    description: 'What decides when two keys of a row match two records.',
    is_optional: true,
  })
  on_ambiguous?: 'fail' | 'external_id' | null;
}

/** What both ways of sending data have in common. */
export class IngestSettings {
  @TextField({
    description: 'Where the data comes from, in your words.',
    example: 'google-contacts',
    min_length: 1,
    max_length: 100,
  })
  source!: string;

  @ChoiceField(FORMATS, { description: 'Format of the data. Default: found out.', is_optional: true })
  format?: string | null;

  @TextField({
    description: 'What each row is: contact or company. Default: the columns tell.',
    max_length: 40,
    is_optional: true,
  })
  entity?: string | null;

  @JsonField({
    description:
      'Source column -> target field. Columns it does not name are mapped by the headers of known exporters.',
    shape: 'object',
    example: { 'Mail (work)': 'email', 'Customer no.': 'external_id' },
    is_optional: true,
  })
  mapping?: object | null;

  @BooleanField({ description: 'Do everything but write.', is_optional: true })
  dry_run?: boolean | null;

  @ObjectField(() => IngestOptions, { description: 'How rows are read, matched and written.', is_optional: true })
  options?: IngestOptions | null;
}

/** Data in a request body. */
export class IngestPayload extends IngestSettings {
  @JsonField({
    description: 'The data: the text of a file, or JSON records.',
    max_bytes: 8_388_608,
    example: 'First Name,E-mail\nAda,ada@example.com',
  })
  payload!: unknown;
}

/** One finding about a row or the whole source. */
export class IngestDiagnostic {
  @IntegerField({ description: '1-based, the header not counted; null for the whole source.', is_optional: true })
  row!: number | null;

  @IntegerField({ description: 'The physical line at which the row begins.', is_optional: true })
  line!: number | null;

  @ChoiceField(['info', 'warning', 'error'], { description: 'An error keeps the row from landing.' })
  level!: string;

  @TextField({ description: 'Stable name of the finding.', example: 'invalid-email' })
  code!: string;

  @TextField({ description: 'What was found.' })
  message!: string;

  @TextField({ description: 'The target field.', is_optional: true })
  field!: string | null;

  @TextField({ description: 'The source column.', is_optional: true })
  column!: string | null;

  @TextField({ description: 'The value, at most 100 characters.', is_optional: true })
  value!: string | null;
}

/** A run as lists show it. */
export class IngestRunDto {
  @UuidField({ description: 'The run.' })
  id!: string;

  @UuidField({ description: 'The run, by the name that results use.' })
  run_id!: string;

  @TextField({ description: 'Where the data comes from.', example: 'google-contacts' })
  source!: string;

  @ChoiceField(FORMATS, { description: 'Format of the data.', is_optional: true })
  format!: string | null;

  @TextField({ description: 'What each row is.', is_optional: true, example: 'contact' })
  entity!: string | null;

  @ChoiceField(['pending', 'running', 'completed', 'failed', 'cancelled'], { description: 'Where the run stands.' })
  status!: string;

  @BooleanField({ description: 'True when nothing was written.', example: false })
  is_dry_run!: boolean;

  @TextField({ description: 'Name of the file that was sent.', is_optional: true })
  file_name!: string | null;

  @IntegerField({ description: 'Size of the source in bytes.' })
  size_bytes!: number;

  @TextField({ description: 'SHA-256 of the source.' })
  sha256!: string;

  @IntegerField({ description: 'Records read so far.' })
  record_count!: number;

  @IntegerField({ description: 'Rows that made a record.' })
  created!: number;

  @IntegerField({ description: 'Rows that changed a record.' })
  updated!: number;

  @IntegerField({ description: 'Rows that said nothing new.' })
  unchanged!: number;

  @IntegerField({ description: 'Rows passed over on purpose.' })
  skipped!: number;

  @IntegerField({ description: 'Rows that did not land.' })
  errors!: number;

  @IntegerField({ description: 'Records done; a run that was interrupted goes on behind them.' })
  position!: number;

  @TextField({ description: 'Why the run failed.', is_optional: true })
  failure!: string | null;

  @TimestampField({ description: 'When reading began.', is_optional: true })
  started_at!: string | null;

  @TimestampField({ description: 'When the run ended.', is_optional: true })
  finished_at!: string | null;

  @TimestampField({ description: 'When the run was asked for.' })
  created_at!: string;

  @TimestampField({ description: 'When the run last moved.' })
  updated_at!: string;
}

/** A run with its result. */
export class IngestResult extends IngestRunDto {
  @ListField(items.uuid(), { description: 'The first 1,000 records made.' })
  created_ids!: string[];

  @ListField(items.uuid(), { description: 'The first 1,000 records changed.' })
  updated_ids!: string[];

  @ListField(items.object(() => IngestDiagnostic), { description: 'The first 1,000 findings, errors first.' })
  diagnostics!: IngestDiagnostic[];

  @ListField(items.json(), { description: 'What each column was taken for.' })
  columns!: object[];

  @BooleanField({ description: 'True when ids or diagnostics are more than shown.' })
  truncated!: boolean;
}

/** One row of a run. */
export class IngestRowDto {
  @IntegerField({ description: '1-based, the header not counted.' })
  row!: number;

  @IntegerField({ description: 'The physical line at which the row begins.' })
  line!: number;

  @ChoiceField(['created', 'updated', 'unchanged', 'skipped', 'failed'], { description: 'What became of it.' })
  outcome!: string;

  @TextField({ description: 'contact or company.' })
  entity_type!: string;

  @UuidField({ description: 'The record, if there is one.', is_optional: true })
  entity_id!: string | null;

  @ListField(items.object(() => IngestDiagnostic), { description: 'What was found in the row.' })
  diagnostics!: IngestDiagnostic[];
}

/** The first records of a source, as they would land. */
export class IngestPreview {
  @TextField({ description: 'Detected format.', example: 'csv' })
  format!: string;

  @TextField({ description: 'Detected charset.', example: 'utf-8' })
  charset!: string;

  @TextField({ description: 'Delimiter of a CSV.', is_optional: true, example: ',' })
  delimiter!: string | null;

  @IntegerField({ description: 'Line of the header row.', is_optional: true })
  header_line!: number | null;

  @TextField({ description: 'What each row is.', example: 'contact' })
  entity!: string;

  @ListField(items.json(), { description: 'For each column the proposed target and a confidence from 0 to 1.' })
  columns!: object[];

  @ListField(items.json(), { description: 'At most 50 rows as they would land.' })
  rows!: object[];

  @ListField(items.object(() => IngestDiagnostic), { description: 'Findings about the source as a whole.' })
  diagnostics!: IngestDiagnostic[];
}
