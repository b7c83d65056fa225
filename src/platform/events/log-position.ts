/** A place in the log. Every event lies after the position that it was read from, whoever reads. */
export interface Position {
  readonly epoch: number;
  /** A 64-bit transaction id. */
  readonly tx: string;
  readonly seq: string;
}

/** Before the first event. */
export const LOG_START: Position = { epoch: 0, tx: '0', seq: '0' };

/** Negative when `a` comes first in log order. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || compareDigits(a.tx, b.tx) || compareDigits(a.seq, b.seq);
}

/** The later of two positions. */
export function laterOf(a: Position, b: Position): Position {
  return comparePositions(a, b) < 0 ? b : a;
}

/** Compares non-negative whole numbers of any size, written without leading zeros. */
function compareDigits(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
