/*
 * Content lines of vCards (RFC 6350 3.2, RFC 2425 5.8.1, vCard 2.1): physical lines in, unfolded lines out. It works on
 * octets, each as one character (latin1), because a fold may cut a character in two; decoding comes after it.
 */

/** An unfolded content line, still in octets. */
export interface ContentLine {
  readonly text: string;
  /** Physical line it begins at, 1-based. */
  readonly line: number;
  /** The line exceeded {@link MAX_CONTENT_CHARS}; what is above was dropped. */
  readonly is_cut: boolean;
}

/** A content line may have at most this many octets: an inline photo of 2 MiB and room to spare. */
export const MAX_CONTENT_CHARS = 12 * 1024 * 1024;

/** The byte order mark of UTF-8, in octets. */
const UTF8_MARK = '\u00ef\u00bb\u00bf';
const LINE_END = /\r\n|\n|\r/;
const QUOTED_PRINTABLE = /;(?:ENCODING=)?QUOTED-PRINTABLE[;:]/i;
const BASE64 = /;(?:ENCODING=)?(?:B|BASE64)[;:]/i;
const PROPERTY = /^(?:[A-Za-z0-9-]+\.)?[A-Za-z0-9-]+[;:]/;
const CARD_EDGE = /^[ \t]*(?:BEGIN|END)[ \t]*:/i;

/** Cuts octets into content lines, whatever chunks they come in; linear in the octets. */
export class ContentLines {
  private partial: string[] = [];
  private partialChars = 0;
  private line = 0;
  private pieces: string[] = [];
  private chars = 0;
  private startLine = 0;
  private isCut = false;
  private coding: 'none' | 'quoted-printable' | 'base64' = 'none';
  private heldCr = '';

  /** The content lines that are complete with this chunk. */
  push(chunk: string): ContentLine[] {
    const out: ContentLine[] = [];
    let text = this.heldCr + chunk;
    this.heldCr = '';
    if (text.endsWith('\r')) {
      this.heldCr = '\r';
      text = text.slice(0, -1);
    }
    const lines = text.split(LINE_END);
    const last = lines.pop() ?? '';
    for (const line of lines) this.take(this.whole(line), out);
    this.hold(last);
    return out;
  }

  /** The last content line. */
  end(): ContentLine[] {
    const out: ContentLine[] = [];
    if (this.partialChars > 0) this.take(this.whole(''), out);
    this.flush(out);
    return out;
  }

  private hold(text: string): void {
    if (text === '') return;
    this.partialChars += text.length;
    if (this.partialChars <= MAX_CONTENT_CHARS + 1) this.partial.push(text);
  }

  private whole(text: string): string {
    if (this.partialChars === 0) return text;
    this.hold(text);
    const whole = this.partial.join('');
    if (this.partialChars > whole.length) this.isCut = true;
    this.partial = [];
    this.partialChars = 0;
    return whole;
  }

  private take(given: string, out: ContentLine[]): void {
    this.line++;
    const physical = this.line === 1 && given.startsWith(UTF8_MARK) ? given.slice(UTF8_MARK.length) : given;
    const previous = this.pieces.at(-1);
    if (previous !== undefined) {
      const first = physical.charCodeAt(0);
      if (this.coding === 'quoted-printable' && previous.endsWith('=') && !CARD_EDGE.test(physical)) {
        this.pieces[this.pieces.length - 1] = previous.slice(0, -1);
        this.add(physical);
        return;
      }
      if (first === 0x20 || first === 0x09) {
        if (physical.trim() === '' && this.coding === 'base64') this.flush(out);
        else this.add(physical.slice(1));
        return;
      }
      if (this.coding === 'base64' && physical !== '' && !PROPERTY.test(physical) && !CARD_EDGE.test(physical)) {
        this.add(physical);
        return;
      }
      this.flush(out);
    }
    if (physical.trim() === '') return;
    this.startLine = this.line;
    this.add(physical);
    this.coding = codingOf(physical);
  }

  private add(text: string): void {
    this.chars += text.length;
    if (this.chars <= MAX_CONTENT_CHARS) this.pieces.push(text);
    else this.isCut = true;
  }

  private flush(out: ContentLine[]): void {
    if (this.pieces.length > 0) {
      const text = this.pieces.length === 1 ? (this.pieces[0] ?? '') : this.pieces.join('');
      out.push({ text, line: this.startLine, is_cut: this.isCut });
    }
    this.pieces = [];
    this.chars = 0;
    this.isCut = false;
    this.coding = 'none';
  }
}

function codingOf(physical: string): 'none' | 'quoted-printable' | 'base64' {
  const semicolon = physical.indexOf(';');
  if (semicolon < 0) return 'none';
  const head = physical.length > 2000 ? physical.slice(0, 2000) : physical;
  if (QUOTED_PRINTABLE.test(head)) return 'quoted-printable';
  return BASE64.test(head) ? 'base64' : 'none';
}
