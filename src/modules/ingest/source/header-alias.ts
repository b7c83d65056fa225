/** One target and the column names that mean it. */
export interface HeaderAlias {
  readonly to: string;
  readonly names: readonly string[];
  /** The label a value gets when the source has no label column for it. */
  readonly label?: string;
  /** Order among the columns of one list, 5 unless said. */
  readonly rank?: number;
  /** The name is used for other things too: it gives way to a column that means the same target for sure. */
  readonly is_weak?: boolean;
}
