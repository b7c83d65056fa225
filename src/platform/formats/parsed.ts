/**
 * What every parser of this room answers. Bad input is an expected outcome, so it is a value and never an exception.
 * `detail` is a sentence for the user of the API: it says what would work instead, and it never repeats a long input.
 */
export interface Refused {
  readonly ok: false;
  readonly detail: string;
}

/** Either the fields of a successful reading, beside `ok: true`, or a {@link Refused}. */
export type Parsed<Fields extends object> = ({ readonly ok: true } & Readonly<Fields>) | Refused;

/** Builds a {@link Refused}. */
export function refused(detail: string): Refused {
  return { ok: false, detail };
}

/** The input as it may stand in a detail: quoted, on one line, at most 60 characters. */
export function quoted(text: string): string {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  const characters = Array.from(line.slice(0, 200));
  return characters.length > 60 ? `"${characters.slice(0, 60).join('')}…"` : `"${characters.join('')}"`;
}
