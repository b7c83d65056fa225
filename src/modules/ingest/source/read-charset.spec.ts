import fc from 'fast-check';
import iconv from 'iconv-lite';
import { decodeText, isKnownCharset } from './read-charset.js';

async function decode(bytes: Uint8Array | Uint8Array[], charset?: string) {
  const chunks = bytes instanceof Uint8Array ? [bytes] : bytes;
  const decoded = decodeText(chunks, charset === undefined ? {} : { charset });
  let text = '';
  for await (const chunk of decoded.text) text += chunk;
  return { text, charset: decoded.charset(), codes: decoded.diagnostics().map((found) => found.code) };
}

function inChunks(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

const TEXT = 'Vorname;Ort\nZoë;Zürich “quoted” – €\n';

describe('decodeText', () => {
  it.each([
    ['UTF-8', Buffer.from(TEXT), 'utf-8', []],
    ['UTF-8 with mark', Buffer.from(`\uFEFF${TEXT}`), 'utf-8', []],
    ['UTF-16 LE with mark', iconv.encode(TEXT, 'utf-16le', { addBOM: true }), 'utf-16le', []],
    ['UTF-16 BE with mark', iconv.encode(TEXT, 'utf-16be', { addBOM: true }), 'utf-16be', []],
    ['UTF-16 LE', iconv.encode(TEXT, 'utf-16le'), 'utf-16le', ['charset-guessed']],
    ['UTF-16 BE', iconv.encode(TEXT, 'utf-16be'), 'utf-16be', ['charset-guessed']],
    ['windows-1252', iconv.encode(TEXT, 'windows-1252'), 'windows-1252', ['charset-guessed']],
  ])('%s', async (_, bytes, charset, codes) => {
    expect(await decode(bytes)).toEqual({ text: TEXT, charset, codes });
    for (const size of [1, 3, 7]) expect((await decode(inChunks(bytes, size))).text).toBe(TEXT);
  });

  it('leaves the question open until the first byte beyond ASCII, however late', async () => {
    const ascii = 'Name;Ort\n'.repeat(60_000);
    const late = await decode(inChunks(iconv.encode(ascii + TEXT, 'windows-1252'), 16_384));
    expect(late).toEqual({ text: ascii + TEXT, charset: 'windows-1252', codes: ['charset-guessed'] });
    expect((await decode(inChunks(Buffer.from(ascii + TEXT), 16_384))).text).toBe(ascii + TEXT);
  });

  it('is not misled by a character that the first look cuts in two', async () => {
    for (let shift = 0; shift < 4; shift++) {
      const text = 'x'.repeat(shift) + '€'.repeat(60_000);
      expect(await decode(inChunks(Buffer.from(text), 65_536))).toEqual({ text, charset: 'utf-8', codes: [] });
    }
  });

  it('puts U+FFFD for what cannot be decoded, and goes on', async () => {
    const valid = Buffer.from(`é${'x'.repeat(70_000)}`);
    const { text, charset } = await decode([valid, Buffer.from([0xff, 0x41])]);
    expect(charset).toBe('utf-8');
    expect(text.endsWith('x\uFFFDA')).toBe(true);
  });

  it('obeys options.charset, but for a byte order mark that contradicts it', async () => {
    expect((await decode(iconv.encode('Ž', 'iso-8859-2'), 'iso-8859-2')).text).toBe('Ž');
    const marked = await decode(Buffer.from('\uFEFFé'), 'windows-1252');
    expect(marked).toEqual({ text: 'é', charset: 'utf-8', codes: ['charset-overridden'] });
    expect(isKnownCharset('shift_jis')).toBe(true);
    expect(isKnownCharset('no-such-charset')).toBe(false);
  });

  it('round trip of any text in UTF-8, and any bytes give some text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 9 }), async (text, size) => {
        fc.pre(!text.startsWith('\uFEFF') && !text.includes('\0'));
        expect((await decode(inChunks(Buffer.from(text), size))).text).toBe(text);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(typeof (await decode(bytes)).text).toBe('string');
      }),
    );
  });
});
