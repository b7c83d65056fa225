import { cleanText } from '../../../platform/formats/text.js';
import { diagnose, type DiagnosticCode } from './diagnostics.js';
import type { RawCandidate, RawText } from './raw-candidate.js';

/** What did not fit its field, by field; kept as `attributes.unparsed`. */
export type Unparsed = Record<string, string[]>;

const MAX_KEPT_CHARS = 1000;
const MAX_KEPT_VALUES = 20;

/**
 * The values of one record that could not be read. They must not vanish: each is kept as it was written (its first 1,000
 * characters) and leaves a warning.
 */
export class Leftovers {
  private kept: Unparsed | undefined;

  /** Keeps a value and warns; returns null, the value that the field gets. */
  keep(raw: RawCandidate, field: string, { text, column }: RawText, code: DiagnosticCode, message: string): null {
    raw.diagnostics.push(diagnose(raw, 'warning', code, message, { field, column, value: text }));
    this.kept ??= {};
    const values = (this.kept[field] ??= []);
    const value = cleanText(text.slice(0, MAX_KEPT_CHARS));
    if (value !== null && values.length < MAX_KEPT_VALUES && !values.includes(value)) values.push(value);
    return null;
  }

  /** What was kept, or undefined when everything could be read. */
  get unparsed(): Unparsed | undefined {
    return this.kept;
  }
}
