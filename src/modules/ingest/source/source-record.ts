import type { Diagnostic } from './diagnostics.js';

/** A cell as a reader gives it: a text, or several where the format has lists. Empty text means "not given". */
export type CellValue = string | readonly string[];

/**
 * What every reader of a table-like format yields (CSV, JSON; a vCard becomes a candidate by its own rules). Records of
 * one CSV share one `columns` array, so a mapping is planned once per array, not once per row.
 */
export interface SourceRecord {
  /** 1-based, the header not counted. The same file always gives the same numbers, so a run can resume at a row. */
  readonly row: number;
  /** The physical line the record begins at, 1-based. */
  readonly line: number;
  readonly columns: readonly string[];
  /** As many as columns. Of a record that could not be read: what was read of it. */
  readonly cells: readonly CellValue[];
  /** An `error` among them means that the record must not be written. */
  readonly diagnostics: readonly Diagnostic[];
}
