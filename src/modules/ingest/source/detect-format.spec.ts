import { detectFormat } from './detect-format.js';

describe('detectFormat', () => {
  it.each([
    [{ format: 'CSV', head: '[1]' }, 'csv', 'format'],
    [{ media_type: 'text/vcard; charset=utf-8', head: '' }, 'vcard', 'media_type'],
    [{ media_type: 'application/octet-stream', file_name: 'Export 2024.NDJSON', head: '' }, 'ndjson', 'file_name'],
    [{ head: '\uFEFF\r\nbegin:vcard\r\n' }, 'vcard', 'content'],
    [{ head: ' \n[{"email": 1}]' }, 'json', 'content'],
    [{ head: '{"a":1}' }, 'json', 'content'],
    [{ head: 'a,b\n' }, 'csv', 'content'],
    [{ file_name: 'notes', head: '' }, 'csv', 'content'],
  ])('%j is %s by %s', (traits, format, by) => {
    expect(detectFormat(traits)).toEqual({ ok: true, format, by });
  });

  it('suggests the nearest name for an unknown format', () => {
    expect(detectFormat({ format: 'vcad', head: '' })).toMatchObject({ ok: false, suggestion: 'vcard' });
    expect(detectFormat({ format: 'constructor', head: '' })).toMatchObject({ ok: false, code: 'unknown-format' });
  });

  it.each(['PK\u0003\u0004...', '%PDF-1.7', '\u001f\u2039\b'])('refuses %j whatever it is called', (head) => {
    expect(detectFormat({ format: 'csv', head })).toMatchObject({ ok: false, code: 'unreadable-payload' });
  });
});
