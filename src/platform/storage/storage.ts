import type { Readable } from 'node:stream';

/** What is known of a stored file. */
export interface StoredFile {
  readonly key: string;
  readonly size_bytes: number;
  readonly modified_at: Date;
}

/** Bytes to be written: a stream, or any other sequence of chunks. */
export type StorageSource = AsyncIterable<Uint8Array> & { destroy?: () => unknown };

/** What was written. */
export interface WrittenFile {
  readonly size_bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Files by key, on a disk or in an object store. A file appears under its key whole or not at all, and replaces what was
 * there. Keys are ours, never a user's: `^[a-z0-9/_-]+$` in segments, at most 512 characters; anything else throws
 * {@link InvalidStorageKeyError}. An abstract class, so that it serves Nest as a token.
 */
export abstract class Storage {
  /**
   * Writes all bytes of the source; when that fails, the source is destroyed and nothing is left behind.
   * @throws FileTooLargeError beyond `max_bytes`, and whatever the source throws
   */
  abstract write(key: string, source: StorageSource, limits: { readonly max_bytes: number }): Promise<WrittenFile>;

  /** The bytes from `start` to `end`, both included (as in an HTTP range). Emits {@link FileMissingError}. */
  abstract read(key: string, range?: { readonly start?: number; readonly end?: number }): Readable;

  /** Removes the file; false when there was none. */
  abstract remove(key: string): Promise<boolean>;

  /** null when there is none. */
  abstract stat(key: string): Promise<StoredFile | null>;

  /** Every file below a prefix (a whole segment or several), in no order, only those last written before a moment if given. */
  abstract list(filter?: { readonly prefix?: string; readonly older_than?: Date }): AsyncIterable<StoredFile>;

  /** Removes what interrupted writes left behind more than a day ago; answers how many. */
  abstract sweep(): Promise<number>;
}

/** A key that our code must not have built. */
export class InvalidStorageKeyError extends Error {
  constructor(key: string) {
    super(`invalid storage key ${JSON.stringify(key.slice(0, 100))}`);
    this.name = 'InvalidStorageKeyError';
  }
}

/** The source had more bytes than allowed. */
export class FileTooLargeError extends Error {
  constructor(readonly max_bytes: number) {
    super(`the file is larger than ${max_bytes} bytes`);
    this.name = 'FileTooLargeError';
  }
}

/** There is no file under the key. */
export class FileMissingError extends Error {
  constructor(readonly key: string) {
    super(`there is no file ${key}`);
    this.name = 'FileMissingError';
  }
}
