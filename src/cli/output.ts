/** Where commands write: results to standard output, everything else to standard error. */
export class Output {
  constructor(readonly is_json: boolean) {}

  /** The result: as JSON for programs, or the given lines for people. */
  result(value: unknown, lines: () => readonly string[]): void {
    process.stdout.write(
      this.is_json
        ? `${JSON.stringify(value)}\n`
        : lines()
            .map((line) => `${line}\n`)
            .join(''),
    );
  }

  /** A line on its own, for streams. */
  line(value: unknown, text: string): void {
    process.stdout.write(`${this.is_json ? JSON.stringify(value) : text}\n`);
  }

  /** What goes on, overwritten by the next one. Silent when nobody looks. */
  progress(text: string): void {
    if (!this.is_json && process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  }

  endProgress(): void {
    if (!this.is_json && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

/** Rows as columns of equal width. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** A bar of 30 characters. */
export function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  return `[${'#'.repeat(Math.round(share * 30)).padEnd(30, '.')}] ${Math.round(share * 100)} %`;
}
