import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { LocalStorage } from '../../src/platform/storage/local-storage.js';
import {
  FileMissingError,
  FileTooLargeError,
  InvalidStorageKeyError,
  type StoredFile,
} from '../../src/platform/storage/storage.js';

let directory: string;
let storage: LocalStorage;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'engawa storage ')), 'files');
  storage = new LocalStorage(directory);
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

const ROOMY = { max_bytes: 10_000_000 };

function put(key: string, content: string | Buffer, limits = ROOMY): Promise<{ size_bytes: number; sha256: string }> {
  return storage.write(key, Readable.from([Buffer.from(content)]), limits);
}

async function get(key: string, range?: { start?: number; end?: number }): Promise<string> {
  return (await buffer(storage.read(key, range))).toString();
}

async function listed(filter?: Parameters<LocalStorage['list']>[0]): Promise<string[]> {
  const found: StoredFile[] = [];
  for await (const file of storage.list(filter)) found.push(file);
  return found.map(({ key }) => key).sort();
}

function temporaryFiles(): Promise<string[]> {
  return readdir(join(directory, '.tmp')).catch(() => []);
}

describe('LocalStorage', () => {
  it('gives back the bytes it was given, and says their size and SHA-256', async () => {
    const content = randomBytes(3_000_000);
    const chunks = [content.subarray(0, 1), content.subarray(1, 2_000_000), content.subarray(2_000_000)];
    const written = await storage.write('workspace/runs/1', Readable.from(chunks), ROOMY);
    expect(written).toEqual({ size_bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') });
    expect(content.equals(await buffer(storage.read('workspace/runs/1')))).toBe(true);
    expect(await storage.stat('workspace/runs/1')).toEqual({
      key: 'workspace/runs/1',
      size_bytes: content.length,
      modified_at: expect.any(Date),
    });
    expect(await temporaryFiles()).toEqual([]);
  });

  it('keeps an empty file', async () => {
    expect(await storage.write('empty', Readable.from([]), ROOMY)).toMatchObject({ size_bytes: 0 });
    expect(await get('empty')).toBe('');
  });

  it.each([
    [{ start: 2 }, 'cdef'],
    [{ end: 2 }, 'abc'],
    [{ start: 1, end: 3 }, 'bcd'],
    [{ start: 100 }, ''],
  ])('reads the range %j, both ends included', async (range, expected) => {
    await put('letters', 'abcdef');
    expect(await get('letters', range)).toBe(expected);
  });

  it('lets nobody else on the machine read', async () => {
    await put('a/b/c', 'x');
    const modeOf = async (path: string): Promise<number> => (await stat(join(directory, path))).mode & 0o777;
    expect(await Promise.all(['.', '.tmp', 'a', 'a/b', 'a/b/c.file'].map(modeOf))).toEqual([
      0o700, 0o700, 0o700, 0o700, 0o600,
    ]);
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a.b',
    'A',
    'ä',
    'a\\b',
    'a\0',
    'a b',
    '.tmp/x',
    'a\n',
    `${'a'.repeat(129)}`,
    'a/'.repeat(256) + 'aa',
  ])('refuses the key %j in every operation', async (key) => {
    await expect(put(key, 'x')).rejects.toThrow(InvalidStorageKeyError);
    expect(() => storage.read(key)).toThrow(InvalidStorageKeyError);
    await expect(storage.remove(key)).rejects.toThrow(InvalidStorageKeyError);
    await expect(storage.stat(key)).rejects.toThrow(InvalidStorageKeyError);
    await expect(listed({ prefix: key })).rejects.toThrow(InvalidStorageKeyError);
  });

  it('never reaches outside its folder, whatever the key', async () => {
    await writeFile(join(directory, '..', 'outside.file'), 'secret');
    const key = fc.string({ unit: fc.constantFrom('a', '.', '/', '..', '../', 'outside', '\\', '%2e', '\0') });
    await fc.assert(
      fc.asyncProperty(key, async (text) => {
        const answer = await get(text).catch((error: Error) => error.name);
        expect(['FileMissingError', 'InvalidStorageKeyError']).toContain(answer);
      }),
    );
  });

  it('lets a file and a folder have one name', async () => {
    await put('a', 'file');
    await put('a/b', 'below');
    expect([await get('a'), await get('a/b')]).toEqual(['file', 'below']);
    expect(await listed()).toEqual(['a', 'a/b']);
  });

  it('refuses one byte too many, ends the source and leaves nothing', async () => {
    expect(await put('exact', '12345', { max_bytes: 5 })).toMatchObject({ size_bytes: 5 });
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(1_000);
      })(),
    );
    await expect(storage.write('large', endless, { max_bytes: 100_500 })).rejects.toThrow(FileTooLargeError);
    expect(endless.destroyed).toBe(true);
    expect(await storage.stat('large')).toBeNull();
    expect(await temporaryFiles()).toEqual([]);
  });

  it('leaves nothing, and the old file as it was, when the source breaks off', async () => {
    await put('kept', 'old');
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('new');
        throw new Error('connection lost');
      })(),
    );
    await expect(storage.write('kept', broken, ROOMY)).rejects.toThrow('connection lost');
    expect(await get('kept')).toBe('old');
    expect(await temporaryFiles()).toEqual([]);
  });

  it('shows a reader the old file or the new one, never a part, while writers race', async () => {
    await put('raced', 'a'.repeat(300_000));
    const writers = Array.from('bcdefgh', (letter) => put('raced', letter.repeat(300_000)));
    const readers = Array.from({ length: 20 }, async () => {
      const text = await get('raced');
      expect(text).toHaveLength(300_000);
      expect(text).toBe(text.charAt(0).repeat(300_000));
    });
    await Promise.all([...writers, ...readers]);
  });

  it('keeps the place of a write unseen until it is whole', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isReached = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      isReached = resolve;
    });
    async function* source(): AsyncIterable<Buffer> {
      yield Buffer.from('half');
      isReached();
      await gate;
      yield Buffer.from(' and half');
    }
    const writing = storage.write('slow', source(), ROOMY);
    await reached;
    expect(await storage.stat('slow')).toBeNull();
    expect(await listed()).toEqual([]);
    expect(await temporaryFiles()).toHaveLength(1);
    release();
    await writing;
    expect(await get('slow')).toBe('half and half');
  });

  it('tells a missing file from every operation', async () => {
    await expect(get('gone')).rejects.toThrow(FileMissingError);
    expect(await storage.stat('gone')).toBeNull();
    expect(await storage.remove('gone')).toBe(false);
    expect(await listed()).toEqual([]);
    expect(await storage.sweep()).toBe(0);
  });

  it('removes a file once', async () => {
    await put('a/b', 'x');
    expect([await storage.remove('a/b'), await storage.remove('a/b')]).toEqual([true, false]);
    expect(await storage.stat('a/b')).toBeNull();
  });

  it('lists what lies below a prefix and what is older than a moment', async () => {
    for (const key of ['w1/a', 'w1/deep/b', 'w10/c', 'w2/d']) await put(key, 'x');
    await utimes(join(directory, 'w1/a.file'), new Date('2026-01-01'), new Date('2026-01-01'));
    expect(await listed()).toEqual(['w1/a', 'w1/deep/b', 'w10/c', 'w2/d']);
    expect(await listed({ prefix: 'w1' })).toEqual(['w1/a', 'w1/deep/b']);
    expect(await listed({ older_than: new Date('2026-01-02') })).toEqual(['w1/a']);
    expect(await listed({ prefix: 'w3' })).toEqual([]);
  });

  it('sweeps temporary files after a day, and nothing else', async () => {
    await put('kept', 'x');
    const old = new Date(Date.now() - 24 * 60 * 60 * 1_000 - 1_000);
    await writeFile(join(directory, '.tmp', 'abandoned'), 'x');
    await writeFile(join(directory, '.tmp', 'under-way'), 'x');
    await utimes(join(directory, '.tmp', 'abandoned'), old, old);
    await utimes(join(directory, 'kept.file'), old, old);
    expect(await storage.sweep()).toBe(1);
    expect(await temporaryFiles()).toEqual(['under-way']);
    expect(await get('kept')).toBe('x');
  });

  it('closes the file when a reader stops early', async () => {
    await put('large', 'x'.repeat(2_000_000));
    const stream = storage.read('large');
    for await (const chunk of stream) {
      expect(chunk).toBeInstanceOf(Uint8Array);
      break;
    }
    expect(stream.destroyed).toBe(true);
  });
});
