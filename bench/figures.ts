/** One line of the report. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: 'x' | 'ms' | 'jobs/s' | 'deliveries/s' | 'ratio' | 'rows/s';
  /** `least` is a floor, `most` a ceiling; neither: for comparison only. */
  readonly least?: number;
  readonly most?: number;
  /** The absolute numbers behind a ratio. */
  readonly detail?: string;
}

/** False when the figure has a limit and misses it. */
export function isMet({ value, least = -Infinity, most = Infinity }: Figure): boolean {
  return value >= least && value <= most;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest rank; the middle of an even number of values is the upper one. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** A Markdown table, its columns aligned so that it reads in a terminal as well. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

export function renderFigures(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.what,
    shown(figure.value, figure.unit),
    limitOf(figure),
    figure.least === undefined && figure.most === undefined ? '' : isMet(figure) ? 'met' : 'MISSED',
    figure.detail ?? '',
  ]);
  return renderTable(['measurement', 'value', 'limit', '', 'behind it'], rows);
}

function limitOf({ least, most, unit }: Figure): string {
  if (least !== undefined) return `>= ${shown(least, unit)}`;
  return most === undefined ? '' : `<= ${shown(most, unit)}`;
}

function shown(value: number, unit: Figure['unit']): string {
  if (unit === 'x' || unit === 'ratio') return value.toFixed(2);
  return `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)} ${unit}`;
}
