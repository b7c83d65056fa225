/*
 * One JSON value (RFC 8259) as cells. JSON.parse says nothing of a key that occurs twice and rounds numbers that have
 * more digits than a double, and a money amount must be read exactly; so the text is read here, number texts as they are.
 */

/** A value as it was written: numbers as their text, objects as their members in order, duplicates resolved. */
export type JsonNode =
  | { readonly kind: 'null' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, JsonNode> };

/** A value, or where and why it is none. `offset` is relative to the text. */
export type JsonReading =
  | { readonly ok: true; readonly node: JsonNode; readonly duplicates: readonly string[] }
  | {
      readonly ok: false;
      readonly code: 'invalid-json' | 'refused-key';
      readonly offset: number;
      readonly detail: string;
    };

const MAX_DEPTH = 32;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANKS = /[ \t\r\n]*/y;
const REFUSED = new Set(['__proto__', 'constructor', 'prototype']);

class Refusal extends Error {
  constructor(
    readonly code: 'invalid-json' | 'refused-key',
    readonly offset: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** Reads a text that is exactly one JSON value, at most 32 levels deep. */
export function parseJson(text: string): JsonReading {
  const reader = new JsonReader(text);
  try {
    return { ok: true, node: reader.whole(), duplicates: reader.duplicates };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, offset: error.offset, detail: error.message };
    throw error;
  }
}

class JsonReader {
  readonly duplicates: string[] = [];
  private at = 0;

  constructor(private readonly text: string) {}

  whole(): JsonNode {
    const node = this.value(0);
    this.skipBlanks();
    if (this.at < this.text.length) this.refuse('nothing may follow the value');
    return node;
  }

  private value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.refuse(`at most ${MAX_DEPTH} levels are read`);
    this.skipBlanks();
    const start = this.text[this.at];
    if (start === '{') return this.object(depth);
    if (start === '[') return this.list(depth);
    if (start === '"') return { kind: 'text', text: this.string() };
    for (const word of ['true', 'false', 'null']) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return word === 'null' ? { kind: 'null' } : { kind: 'text', text: word };
    }
    NUMBER.lastIndex = this.at;
    const number = NUMBER.exec(this.text)?.[0];
    if (number === undefined)
      return this.refuse(this.at < this.text.length ? 'a value is expected' : 'the value does not end');
    this.at += number.length;
    return { kind: 'text', text: number };
  }

  private object(depth: number): JsonNode {
    const members = new Map<string, JsonNode>();
    this.at++;
    this.skipBlanks();
    if (this.take('}')) return { kind: 'object', members };
    do {
      this.skipBlanks();
      const keyAt = this.at;
      if (this.text[this.at] !== '"') this.refuse('a key in double quotes is expected');
      const key = this.string();
      if (REFUSED.has(key)) throw new Refusal('refused-key', keyAt, `the key ${key} is refused`);
      this.skipBlanks();
      if (!this.take(':')) this.refuse('a colon is expected');
      if (members.has(key)) this.duplicates.push(key);
      members.set(key, this.value(depth + 1));
      this.skipBlanks();
    } while (this.take(','));
    if (!this.take('}')) this.refuse('a comma or } is expected');
    return { kind: 'object', members };
  }

  private list(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.at++;
    this.skipBlanks();
    if (this.take(']')) return { kind: 'list', items };
    do {
      items.push(this.value(depth + 1));
      this.skipBlanks();
    } while (this.take(','));
    if (!this.take(']')) this.refuse('a comma or ] is expected');
    return { kind: 'list', items };
  }

  private string(): string {
    const start = this.at;
    let end = start + 1;
    let isPlain = true;
    for (; end < this.text.length; end++) {
      const code = this.text.charCodeAt(end);
      if (code === 0x22) break;
      if (code < 0x20) isPlain = false;
      if (code !== 0x5c) continue;
      isPlain = false;
      end++;
    }
    if (end >= this.text.length) return this.refuse('the string does not end');
    this.at = end + 1;
    if (isPlain) return this.text.slice(start + 1, end);
    try {
      return JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      this.at = start;
      return this.refuse('the string holds a control character or a wrong escape');
    }
  }

  private skipBlanks(): void {
    BLANKS.lastIndex = this.at;
    this.at += BLANKS.exec(this.text)?.[0].length ?? 0;
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private refuse(detail: string): never {
    throw new Refusal('invalid-json', this.at, detail);
  }
}
