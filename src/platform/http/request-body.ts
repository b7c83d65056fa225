import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { Invalid, TooLarge, UnreadableRequest, UnsupportedMediaType } from '../errors/contract-problems.js';
import { escapePointer } from './read-dto.js';

/** How a route takes its body. Routes without a rule take JSON of up to 1 MiB. */
export interface BodyRule {
  readonly method: string;
  readonly path: RegExp;
  readonly max_bytes: number;
  /** `stream`: the handler reads the request itself, within its own limit. */
  readonly reads: 'json' | 'stream';
}

const DEFAULT_MAX_BYTES = 1_048_576;
const MAX_DEPTH = 32;

/** Reads and checks JSON bodies before any route sees them. */
export function bodyReader(
  rules: readonly BodyRule[],
): (request: Request, response: Response, next: NextFunction) => void | Promise<void> {
  return (request, _response, next) => {
    const rule = rules.find((candidate) => candidate.method === request.method && candidate.path.test(request.path));
    if (rule?.reads === 'stream' || !hasBody(request)) return next();
    return readBody(request, rule?.max_bytes ?? DEFAULT_MAX_BYTES, next);
  };
}

/** What it throws becomes the answer: Express waits for the promise of a middleware. */
async function readBody(request: Request, maxBytes: number, next: NextFunction): Promise<void> {
  request.body = await readJson(request, maxBytes);
  next();
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json' && !type.endsWith('+json')) {
    drain(request);
    throw new UnsupportedMediaType('application/json');
  }
  if (request.headers['content-encoding'] !== undefined && request.headers['content-encoding'] !== 'identity') {
    drain(request);
    throw new UnsupportedMediaType('an uncompressed body');
  }
  const bytes = await readBytes(request, maxBytes);
  return parseJson(bytes);
}

/** Collects a body of at most `maxBytes`. The rest of a larger one is thrown away, so that the answer can be read. */
async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    drain(request);
    throw new TooLarge(maxBytes);
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        request.removeAllListeners('data');
        drain(request);
        reject(new TooLarge(maxBytes));
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)));
    request.on('error', () => reject(new UnreadableRequest('The body ended early.')));
    request.on('aborted', () => reject(new UnreadableRequest('The body ended early.')));
  });
}

function drain(request: IncomingMessage): void {
  request.resume();
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** An escaped NUL or surrogate; only then is the parsed value searched. */
const SUSPICIOUS_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;

/**
 * Parses a JSON text (RFC 8259).
 * @throws {UnreadableRequest} when it is none, {@link Invalid} when it holds what no text column can store.
 */
export function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new UnreadableRequest('The body is not valid UTF-8.');
  }
  if (depthExceeds(text, MAX_DEPTH)) throw new UnreadableRequest(`The body is nested deeper than ${MAX_DEPTH} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UnreadableRequest(
      `The body is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}.`,
    );
  }
  if (SUSPICIOUS_ESCAPE.test(text)) {
    const pointer = findBadText(value, '');
    if (pointer !== undefined)
      throw new Invalid([{ pointer, detail: 'Texts must not hold NUL or unpaired surrogates.' }]);
  }
  return value;
}

/**
 * Parses JSON that came in a parameter or a part of a form.
 * @throws {Invalid} with the pointer when it is none, or holds what no text column can store.
 */
export function parseJsonPart(text: string, pointer: string): unknown {
  let value: unknown;
  try {
    if (depthExceeds(text, MAX_DEPTH)) throw new SyntaxError('too deep');
    value = JSON.parse(text);
  } catch {
    throw new Invalid([{ pointer, detail: `This must be JSON of at most ${MAX_DEPTH} levels.` }]);
  }
  if (findBadText(value, pointer) === undefined) return value;
  throw new Invalid([{ pointer, detail: 'Texts must not hold NUL or unpaired surrogates.' }]);
}

/** Counts brackets outside of strings, before anything recursive runs. */
function depthExceeds(text: string, limit: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (isInString) {
      if (code === 92) index++;
      else if (code === 34) isInString = false;
    } else if (code === 34) isInString = true;
    else if (code === 91 || code === 123) {
      if (++depth > limit) return true;
    } else if (code === 93 || code === 125) depth--;
  }
  return false;
}

function findBadText(value: unknown, pointer: string): string | undefined {
  if (typeof value === 'string') return value.includes('\0') || !isWellFormed(value) ? pointer : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, entry] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(key)}`;
    if (key.includes('\0') || !isWellFormed(key)) return pointer;
    const found = findBadText(entry, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** No surrogate without its partner. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}
