/**
 * The part of a text stream that is being looked at. It grows by doubling while a record does not end, so looking again
 * from the record's beginning stays linear, and it lets go of what has been passed.
 */
export class TextWindow {
  private readonly chunks: AsyncIterator<string> | Iterator<string>;
  private held = '';
  private position = 0;
  private isDone = false;
  private isMarked = false;

  constructor(source: AsyncIterable<string> | Iterable<string>) {
    this.chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** The text; only what lies at or behind `at` is of interest. */
  get text(): string {
    return this.held;
  }

  get at(): number {
    return this.position;
  }

  /** Characters from `at` to the end of what is held. */
  get length(): number {
    return this.held.length - this.position;
  }

  get isEmpty(): boolean {
    return this.position >= this.held.length;
  }

  /** Nothing follows what is held. */
  get isEnd(): boolean {
    return this.isDone;
  }

  /** Whether U+FFFD occurs in what is held: the sign of bytes that could not be decoded. */
  get hasReplacement(): boolean {
    return this.isMarked;
  }

  head(chars: number): string {
    return this.held.slice(this.position, this.position + chars);
  }

  advance(chars: number): void {
    this.position += chars;
  }

  dropStart(prefix: string): void {
    if (this.held.startsWith(prefix, this.position)) this.position += prefix.length;
  }

  /** Doubles what is held, at least 64 KiB. False when the stream has ended and nothing is held. */
  async more(): Promise<boolean> {
    return this.fill(Math.max(2 * this.length, 64 * 1024));
  }

  /** Holds at least so many characters, or all there are. False when none are held. */
  async fill(chars: number): Promise<boolean> {
    let length = this.length;
    const parts = [this.held.slice(this.position)];
    while (length < chars && !this.isDone) {
      const next = await this.chunks.next();
      if (next.done === true) {
        this.isDone = true;
      } else {
        parts.push(next.value);
        length += next.value.length;
      }
    }
    this.held = parts.join('');
    this.position = 0;
    this.isMarked = this.held.includes('\uFFFD');
    return length > 0;
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    await this.chunks.return?.();
  }
}
