import { createHash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import busboy from '@fastify/busboy';
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { IngestConfig } from '../../../config/app-config.js';
import { Context } from '../../platform/context/context.js';
import { TooLarge, UnreadableRequest } from '../../platform/errors/contract-problems.js';
import { FileTooLargeError, Storage, type WrittenFile } from '../../platform/storage/storage.js';
import { parseJsonPart } from '../../platform/http/request-body.js';
import type { IngestRun } from './ingest-run.entity.js';

/** A source on its way in. */
export interface Upload {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly file_name: string | null;
  readonly media_type: string | null;
  /** The mapping document of a multipart request, once the bytes were read. */
  mapping(): unknown;
}

/** Where the bytes of runs are kept, so that a run that was interrupted can go on. */
@Injectable()
export class SourceFiles {
  constructor(
    private readonly storage: Storage,
    private readonly context: Context,
    private readonly config: IngestConfig,
  ) {}

  /** @throws {TooLarge} beyond the configured size. */
  async keep(runId: string, bytes: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
    try {
      return await this.storage.write(this.key(runId), bytes, { max_bytes: this.config.max_file_bytes });
    } catch (error) {
      if (error instanceof FileTooLargeError) throw new TooLarge(this.config.max_file_bytes);
      // The sender went away; nobody reads this answer, but it is no fault of ours.
      throw isAborted(error) ? new UnreadableRequest('The body ended early.') : error;
    }
  }

  open(run: Pick<IngestRun, 'id'>): Readable {
    return this.storage.read(this.key(run.id));
  }

  async remove(runId: string): Promise<void> {
    await this.storage.remove(this.key(runId));
  }

  private key(runId: string): string {
    return `${this.context.workspaceId()}/ingest/${runId}`;
  }
}

/** Node's error of a request whose client hung up. */
function isAborted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

/** SHA-256 over everything that decides what a run does. */
export function fingerprintOf(sha256: string, settings: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([sha256, ...settings]))
    .digest('hex');
}

/** The body of an upload: one multipart part `file` (and a part `mapping`), or the raw bytes. */
export async function openUpload(request: Request, maxBytes: number): Promise<Upload> {
  const type = request.headers['content-type'] ?? '';
  if (Number(request.headers['content-length'] ?? 0) > maxBytes + 65_536) {
    request.resume();
    throw new TooLarge(maxBytes);
  }
  if (/^multipart\/form-data/i.test(type)) return openMultipart(request, { ...request.headers, 'content-type': type });
  return {
    bytes: request,
    file_name: null,
    media_type: type.split(';', 1)[0]?.trim().toLowerCase() || null,
    mapping: () => undefined,
  };
}

/** A name as it can be stored; the client chooses it. */
function shownName(given: string): string | null {
  return given.slice(0, 255).replace(/[\0\p{Cs}]/gu, '') || null;
}

function openMultipart(request: Request, headers: { readonly 'content-type': string }): Promise<Upload> {
  return new Promise((resolve, reject) => {
    let mapping: unknown;
    let isFileSeen = false;
    const bytes = new PassThrough();
    // Whoever reads the bytes meets the error; while nobody does, it must not end the process.
    bytes.on('error', () => undefined);
    const fail = (error: Error): void => {
      request.unpipe(parser);
      request.resume();
      bytes.destroy(error);
      reject(error);
    };
    const unreadable = (): void => fail(new UnreadableRequest('The multipart body cannot be read.'));
    const parser = multipartParser(headers);
    parser.on('field', (name, value) => {
      if (name !== 'mapping') return;
      try {
        mapping = parseJsonPart(value, '/mapping');
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    parser.on('file', (name, stream, file_name, _encoding, media_type) => {
      stream.on('error', unreadable);
      if (name !== 'file') {
        stream.resume();
        return;
      }
      isFileSeen = true;
      stream.pipe(bytes);
      resolve({ bytes, file_name: shownName(file_name), media_type, mapping: () => mapping });
    });
    parser.on('finish', () => {
      if (!isFileSeen) reject(new UnreadableRequest('Send the data as the part "file" of the multipart body.'));
    });
    parser.on('error', unreadable);
    request.once('close', () => {
      if (!request.complete) fail(new UnreadableRequest('The body ended early.'));
    });
    request.pipe(parser);
  });
}

/** @throws {UnreadableRequest} when the content type does not say where parts end. */
function multipartParser(headers: { readonly 'content-type': string }): InstanceType<typeof busboy.Busboy> {
  try {
    return new busboy.Busboy({ headers, limits: { files: 1, fields: 10, fieldSize: 262_144 } });
  } catch {
    throw new UnreadableRequest('The content type of a multipart body must name its boundary.');
  }
}
