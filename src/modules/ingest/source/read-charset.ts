import { isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';
import { diagnose, WHOLE_SOURCE, type Diagnostic } from './diagnostics.js';

/*
 * Exporters do not say in which charset they wrote. A byte order mark settles it; without one, text that is valid UTF-8
 * is UTF-8, text with a NUL in every second byte is UTF-16, and what remains is windows-1252. A file of a gigabyte cannot
 * be read twice to find out, but as long as only ASCII has gone by, the question is still open: every candidate reads
 * ASCII alike. So the decision waits for the first byte beyond ASCII, wherever in the file it stands, and looks at 64 KiB
 * from there.
 */

/** Bytes in, text out, with what was found out on the way. */
export interface DecodedText {
  /** The decoded text in chunks, the byte order mark removed. An invalid sequence is U+FFFD. */
  readonly text: AsyncIterable<string>;
  /** The charset in use: final when `text` has ended, `utf-8` while only ASCII has been seen. */
  charset(): string;
  /** Findings about the source as a whole so far. */
  diagnostics(): readonly Diagnostic[];
}

const SNIFF_BYTES = 64 * 1024;

/** Whether `options.charset` names a charset that can be read. */
export function isKnownCharset(charset: string): boolean {
  return charset.length <= 40 && iconv.encodingExists(charset);
}

/** Decodes a byte stream of unknown or given charset; memory does not grow with the source. */
export function decodeText(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { charset?: string } = {},
): DecodedText {
  let charset = 'utf-8';
  const findings: Diagnostic[] = [];

  const settle = (window: Buffer, isStart: boolean): { skip: number } => {
    const mark = isStart ? byteOrderMark(window) : undefined;
    if (mark !== undefined) {
      charset = mark.charset;
      if (options.charset !== undefined && canonical(options.charset) !== canonical(mark.charset)) {
        const message = `options.charset says ${options.charset}, the byte order mark ${mark.charset}; the mark was believed`;
        findings.push(diagnose(WHOLE_SOURCE, 'info', 'charset-overridden', message));
      }
      return { skip: mark.bytes };
    }
    if (options.charset !== undefined) {
      charset = options.charset;
      return { skip: 0 };
    }
    charset = guessCharset(window, isStart);
    if (charset !== 'utf-8') {
      const message = `the bytes are not valid UTF-8 and were read as ${charset}; options.charset says otherwise`;
      findings.push(diagnose(WHOLE_SOURCE, 'info', 'charset-guessed', message));
    }
    return { skip: 0 };
  };

  async function* decode(): AsyncGenerator<string> {
    let held: Buffer[] = [];
    let heldBytes = 0;
    let isStart = true;
    let decoder: iconv.DecoderStream | undefined;

    const open = (window: Buffer): string => {
      const { skip } = settle(window, isStart);
      decoder = iconv.getDecoder(charset, { stripBOM: false });
      return decoder.write(window.subarray(skip));
    };
    for await (const chunk of bytes) {
      if (chunk.length === 0) continue;
      const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (decoder !== undefined) {
        const text = decoder.write(buffer);
        if (text.length > 0) yield text;
        continue;
      }
      if (!isStart && heldBytes === 0 && isPlainAscii(buffer)) {
        yield buffer.toString('latin1');
        continue;
      }
      held.push(buffer);
      heldBytes += buffer.length;
      if (heldBytes < SNIFF_BYTES) continue;
      const window = held.length === 1 ? buffer : Buffer.concat(held);
      held = [];
      heldBytes = 0;
      const isOpenQuestion = options.charset === undefined && isPlainAscii(window);
      const text = isOpenQuestion ? window.toString('latin1') : open(window);
      isStart = false;
      if (text.length > 0) yield text;
    }
    if (heldBytes > 0) {
      const text = open(Buffer.concat(held));
      if (text.length > 0) yield text;
    }
    const rest = decoder?.end();
    if (rest !== undefined && rest.length > 0) yield rest;
  }

  return { text: decode(), charset: () => canonical(charset), diagnostics: () => findings };
}

function canonical(charset: string): string {
  const name = charset.toLowerCase().replaceAll('_', '-');
  if (name === 'utf8') return 'utf-8';
  return name === 'utf16le' ? 'utf-16le' : name === 'utf16be' ? 'utf-16be' : name;
}

function byteOrderMark(bytes: Buffer): { charset: string; bytes: number } | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { charset: 'utf-8', bytes: 3 };
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { charset: 'utf-16le', bytes: 2 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { charset: 'utf-16be', bytes: 2 };
  return undefined;
}

/** NUL counts as beyond ASCII: text with NULs may be UTF-16. */
function isPlainAscii(bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === undefined || byte === 0 || byte > 0x7f) return false;
  }
  return true;
}

/** UTF-16 comes first although its ASCII part is valid UTF-8 too: no text has a NUL in every second byte by chance. */
function guessCharset(window: Buffer, isStart: boolean): string {
  if (isStart) {
    const utf16 = utf16ByNuls(window);
    if (utf16 !== undefined) return utf16;
  }
  return isUtf8(withoutCutCharacter(window)) ? 'utf-8' : 'windows-1252';
}

function utf16ByNuls(window: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  const pairs = Math.floor(Math.min(window.length, 4096) / 2);
  if (pairs === 0) return undefined;
  let even = 0;
  let odd = 0;
  for (let pair = 0; pair < pairs; pair++) {
    if (window[2 * pair] === 0) even++;
    if (window[2 * pair + 1] === 0) odd++;
  }
  if (odd >= 0.3 * pairs && even <= 0.02 * pairs) return 'utf-16le';
  if (even >= 0.3 * pairs && odd <= 0.02 * pairs) return 'utf-16be';
  return undefined;
}

/** A window may end inside a UTF-8 character; those bytes say nothing. */
function withoutCutCharacter(window: Buffer): Buffer {
  if (window.length < SNIFF_BYTES) return window;
  for (let back = 1; back <= 3; back++) {
    const byte = window[window.length - back] ?? 0;
    if (byte < 0x80) return window;
    if (byte >= 0xc0) return window.subarray(0, window.length - back);
  }
  return window;
}
