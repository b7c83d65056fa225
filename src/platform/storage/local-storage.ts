import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { checkedKey } from './storage-key.js';
import {
  FileMissingError,
  FileTooLargeError,
  Storage,
  type StorageSource,
  type StoredFile,
  type WrittenFile,
} from './storage.js';

const TEMPORARY = '.tmp';
// Keys hold no dot: so a file never meets a folder of the same name, and temporary files never meet either.
const SUFFIX = '.file';
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1_000;
const NOBODY_ELSE = { folder: 0o700, file: 0o600 } as const;

/**
 * Files in a folder of this machine. A process may die at any byte, and a reader must never see half a file: so bytes go
 * to a temporary file, are flushed, and only then take their name, which the file system does in one step; the folder is
 * flushed as well, or the name could be lost with the power. Folders are 0700, files 0600.
 */
export class LocalStorage extends Storage {
  private readonly root: string;

  /** @param directory absolute or relative path; made at the first write */
  constructor(directory: string) {
    super();
    this.root = resolve(directory);
  }

  async write(key: string, source: StorageSource, limits: { readonly max_bytes: number }): Promise<WrittenFile> {
    const temporary = join(this.root, TEMPORARY, randomUUID());
    try {
      const path = this.pathOf(key);
      const folder = dirname(path);
      await mkdir(dirname(temporary), { recursive: true, mode: NOBODY_ELSE.folder });
      const written = await fill(temporary, source, limits.max_bytes);
      await mkdir(folder, { recursive: true, mode: NOBODY_ELSE.folder });
      await rename(temporary, path);
      await flushFolders(folder, this.root);
      return written;
    } catch (error) {
      source.destroy?.();
      await removeFile(temporary);
      throw error;
    }
  }

  read(key: string, range: { readonly start?: number; readonly end?: number } = {}): Readable {
    const content = new PassThrough();
    const file = createReadStream(this.pathOf(key), range);
    file.once('error', (error) => content.destroy(isMissing(error) ? new FileMissingError(key) : error));
    // Destroying either end destroys the other; errors are told above.
    pipeline(file, content, () => undefined);
    return content;
  }

  async remove(key: string): Promise<boolean> {
    return removeFile(this.pathOf(key));
  }

  async stat(key: string): Promise<StoredFile | null> {
    return statFile(this.pathOf(key), key);
  }

  async *list(filter: { readonly prefix?: string; readonly older_than?: Date } = {}): AsyncIterable<StoredFile> {
    const start = filter.prefix === undefined ? this.root : join(this.root, checkedKey(filter.prefix));
    for await (const path of filesBelow(start)) {
      if (!path.endsWith(SUFFIX)) continue;
      const key = path.slice(this.root.length + 1, -SUFFIX.length);
      const found = await statFile(path, key);
      if (found !== null && (filter.older_than === undefined || found.modified_at < filter.older_than)) yield found;
    }
  }

  async sweep(): Promise<number> {
    let swept = 0;
    for await (const path of filesBelow(join(this.root, TEMPORARY))) {
      const found = await statFile(path, path);
      const isAbandoned = found !== null && Date.now() - found.modified_at.getTime() > ABANDONED_AFTER_MS;
      if (isAbandoned && (await removeFile(path))) swept += 1;
    }
    return swept;
  }

  private pathOf(key: string): string {
    return join(this.root, `${checkedKey(key)}${SUFFIX}`);
  }
}

async function fill(path: string, source: StorageSource, max_bytes: number): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let size_bytes = 0;
  const file = await open(path, 'wx', NOBODY_ELSE.file);
  try {
    for await (const chunk of source) {
      size_bytes += chunk.byteLength;
      if (size_bytes > max_bytes) throw new FileTooLargeError(max_bytes);
      hash.update(chunk);
      await file.appendFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { size_bytes, sha256: hash.digest('hex') };
}

/** From the file's folder up to the root, for each of them may be new. */
async function flushFolders(folder: string, root: string): Promise<void> {
  for (let path = folder; path.length >= root.length; path = dirname(path)) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (path === root) break;
  }
}

async function* filesBelow(folder: string): AsyncIterable<string> {
  let entries;
  try {
    entries = await opendir(folder);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  for await (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory() && entry.name !== TEMPORARY) yield* filesBelow(path);
  }
}

async function statFile(path: string, key: string): Promise<StoredFile | null> {
  try {
    const found = await stat(path);
    return { key, size_bytes: found.size, modified_at: new Date(found.mtimeMs) };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
