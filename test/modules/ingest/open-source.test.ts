import { createReadStream, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { googleContactsCsv, hubspotContactsCsv, wholeExport } from '../../support/contacts-export.js';
import {
  openSource,
  type OpenedRecord,
  type OpenedSource,
  type SourceOptions,
} from '../../../src/modules/ingest/source/open-source.js';
import { parseMapping } from '../../../src/modules/ingest/source/mapping.js';

const FIXTURES = new URL('../../fixtures/ingest/', import.meta.url);

async function open(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options: SourceOptions = {}) {
  const source = await openSource(bytes, options);
  if (!source.ok) throw new Error(source.error.message);
  const rows: OpenedRecord[] = [];
  for await (const record of source.records) rows.push(record);
  return { source, rows, values: rows.map(({ normalised }) => normalised.values) };
}

const openFile = (name: string, options: SourceOptions = {}) =>
  open(createReadStream(new URL(name, FIXTURES)), options);
const targetOf = (source: OpenedSource, column: string) =>
  source.proposals.find((proposal) => proposal.column === column)?.target;

const ADA = {
  first_name: 'Ada',
  last_name: 'Lovelace',
  title: 'Countess',
  company: { name: 'Analytical Engines, Ltd' },
};
const ZOE = { first_name: 'Zoë', last_name: 'Müller', title: 'Head of Sales', company: { name: 'Müller & Söhne' } };
const ADA_MAIL = { kind: 'email', value: 'ada.lovelace@example.com' };
const ADA_PHONE = { kind: 'phone', value: '+442079460958', label: 'mobile' };
const ADA_ADDRESS = { kind: 'address', value: '1 St James Sq, London, UK' };

describe('openSource reads what exporters write', () => {
  it.each([
    ['google-2024.csv', 'utf-8', ['work', undefined], ['customer', 'vip']],
    ['google-2023.utf16le.csv', 'utf-16le', ['work', undefined], ['customer', 'vip']],
    ['outlook-en.windows-1252.csv', 'windows-1252', [undefined, 'work'], ['customer', 'vip']],
    ['outlook-de.semicolon.windows-1252.csv', 'windows-1252', [undefined, 'work'], ['customer', 'vip']],
    ['salesforce-contacts.csv', 'utf-8', [undefined, 'work'], undefined],
    ['thunderbird.csv', 'utf-8', [undefined, 'work'], undefined],
  ])('%s', async (name, charset, [mailLabel, addressLabel], tags) => {
    const { source, rows, values } = await openFile(name);
    expect(source.charset()).toBe(charset);
    expect(rows.map(({ normalised }) => normalised.error)).toEqual([undefined, undefined]);
    const withLabel = (channel: object, label: string | undefined) =>
      label === undefined ? channel : { ...channel, label };
    expect(values[0]).toMatchObject({ ...ADA, ...(tags === undefined ? {} : { tags }) });
    expect(values[1]).toMatchObject(ZOE);
    const channels = (values[0] as { channels: unknown[] }).channels;
    expect(channels).toContainEqual(withLabel(ADA_MAIL, mailLabel));
    expect(channels).toContainEqual(ADA_PHONE);
    expect(channels).toContainEqual(withLabel(ADA_ADDRESS, addressLabel));
  });

  it('hubspot-contacts.csv, without taking the Record ID for an external id unless asked to', async () => {
    const { source, values } = await openFile('hubspot-contacts.csv');
    expect(values[0]).toEqual({
      ...ADA,
      channels: [ADA_MAIL, { kind: 'phone', value: '+442079460958' }, ADA_ADDRESS],
    });
    expect(targetOf(source, 'Record ID')).toBeNull();
    const asked = await openFile('hubspot-contacts.csv', { external_id: 'Record ID' });
    expect(asked.values.map(({ external_id: id }) => id)).toEqual(['151', '152']);
  });

  it('hubspot-companies.csv as companies; a public suffix is no domain', async () => {
    const { source, rows, values } = await openFile('hubspot-companies.csv');
    expect(source.entity).toBe('company');
    expect(values[0]).toEqual({
      name: 'Analytical Engines, Ltd',
      domains: ['engines.example.com'],
      industry: 'Computing',
      employee_count: 1200,
      annual_revenue: '1234567.5',
    });
    expect(rows[1]?.normalised.error).toMatchObject({ code: 'invalid-domain', row: 2, line: 3, value: 'co.uk' });
  });

  it('linkedin-connections.csv behind its preamble', async () => {
    const { source, rows, values } = await openFile('linkedin-connections.csv');
    expect(source.header_line).toBe(4);
    expect(rows[0]?.source.line).toBe(5);
    expect(values[0]).toMatchObject({
      ...ADA,
      channels: [ADA_MAIL, { kind: 'url', value: 'https://www.linkedin.com/in/ada-example' }],
    });
  });

  it('pipedrive-people.csv, the name split', async () => {
    const { values } = await openFile('pipedrive-people.csv');
    expect(values[0]).toMatchObject({ first_name: 'Ada', last_name: 'Lovelace', tags: ['customer'] });
  });

  it('gives equal records for every charset, delimiter and line end of one file', async () => {
    const clean = 'Vorname;Nachname;E-Mail-Adresse;Telefon privat\nZoë;Müller;zoe@example.org;044 668 18 00\n';
    const { values } = await open([Buffer.from(clean)], { region: 'CH' });
    expect(values).toHaveLength(1);
    const variants = [
      Buffer.from(`\uFEFF${clean}`),
      Buffer.from(clean, 'utf16le'),
      Buffer.from(clean, 'latin1'),
      Buffer.from(clean.replaceAll(';', ',')),
      Buffer.from(clean.replaceAll('\n', '\r\n')),
      Buffer.from(clean.replaceAll('\n', '\r')),
      Buffer.from(`sep=;\n${clean}`),
      Buffer.from(`Export vom 1. Mai\n\n${clean}`),
      Buffer.from(clean.replace('Zoë', '"Zoë"')),
    ];
    for (const bytes of variants) expect((await open([bytes], { region: 'CH' })).values).toEqual(values);
  });

  it('says once for the run, not for each row, what is not mapped', async () => {
    const { source, rows } = await openFile('thunderbird.csv');
    const said = source.diagnostics().filter(({ code }) => code === 'column-waits' || code === 'column-not-mapped');
    expect(said.map(({ column }) => column)).toContain('Birth Year');
    expect(said.map(({ column }) => column)).toContain('Notes');
    expect(new Set(said.map(({ column }) => column)).size).toBe(said.length);
    expect(rows.flatMap(({ normalised }) => normalised.diagnostics)).toEqual([]);
  });

  it('obeys a mapping', async () => {
    const reading = parseMapping({
      k: 'first_name',
      m: { to: 'emails[1].value', label: 'work' },
      d: { to: 'attributes.since', date: 'dd.MM.yyyy' },
    });
    if (!reading.ok) throw new Error('the mapping is valid');
    const { values } = await open([Buffer.from('k;m;d\nAda;ada@example.com;31.12.2024\n')], {
      mapping: reading.mapping,
    });
    expect(values).toEqual([
      {
        first_name: 'Ada',
        channels: [{ kind: 'email', value: 'ada@example.com', label: 'work' }],
        attributes: { since: '2024-12-31' },
      },
    ]);
  });

  it('reads JSON and NDJSON with the same rules, whatever keys each object has', async () => {
    const people = [
      {
        first_name: 'Ada',
        emails: ['Ada@example.com', 'a@example.com'],
        company: { name: 'Engines' },
        tags: ['x', 'y'],
      },
      { email: 'grace@example.com', attributes: { rank: 'admiral' }, shoe_size: 38 },
      { email: 'zoe@example.org', shoe_size: 39 },
    ];
    const { source, values } = await open([Buffer.from(JSON.stringify(people))]);
    expect(values).toEqual([
      {
        first_name: 'Ada',
        channels: [
          { kind: 'email', value: 'ada@example.com' },
          { kind: 'email', value: 'a@example.com' },
        ],
        company: { name: 'Engines' },
        tags: ['x', 'y'],
      },
      { channels: [{ kind: 'email', value: 'grace@example.com' }], attributes: { rank: 'admiral' } },
      { channels: [{ kind: 'email', value: 'zoe@example.org' }] },
    ]);
    expect(source.diagnostics()).toMatchObject([{ code: 'column-not-mapped', column: 'shoe_size' }]);
    const lines = people.map((person) => JSON.stringify(person)).join('\n');
    expect((await open([Buffer.from(lines)], { format: 'ndjson' })).values).toEqual(values);
    expect((await open([Buffer.from(lines)])).values).toEqual(values);
  });

  it('reads vCards in any charset, skips groups, and goes on at any card', async () => {
    const text =
      'BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoë Müller\r\nPHOTO;ENCODING=b:AAEC\r\nEND:VCARD\r\n' +
      'BEGIN:VCARD\r\nKIND:group\r\nFN:Team\r\nEND:VCARD\r\nBEGIN:VCARD\r\nTEL;CELL:044 668 18 00\r\nEND:VCARD\r\n';
    const options = { region: 'CH' };
    const { source, rows, values } = await open([Buffer.from(text)], options);
    expect(source.format).toBe('vcard');
    expect(values).toEqual([
      { first_name: 'Zoë', last_name: 'Müller' },
      {},
      { channels: [{ kind: 'phone', value: '+41446681800', label: 'mobile' }] },
    ]);
    expect(rows.map(({ normalised }) => normalised.skipped?.code)).toEqual([undefined, 'group-card', undefined]);
    expect(source.diagnostics()).toMatchObject([{ code: 'column-waits', column: 'PHOTO', row: null }]);
    expect((await open([Buffer.from(text)], { ...options, skip: 2 })).rows).toEqual(rows.slice(2));
    for (const bytes of [
      Buffer.from(`\uFEFF${text}`),
      Buffer.from(`\uFEFF${text}`, 'utf16le'),
      Buffer.from(text, 'latin1'),
    ]) {
      expect((await open([bytes], options)).values).toEqual(values);
    }
  });

  it('refuses what is no text, and formats without a reader', async () => {
    expect(await openSource([Buffer.from('PK\u0003\u0004\u0014')])).toMatchObject({
      ok: false,
      error: { code: 'unreadable-payload' },
    });
    expect(await openSource([Buffer.from('a,b')], { format: 'cvs' })).toMatchObject({ ok: false });
  });
});

describe('openSource on large exports', () => {
  it.each([
    ['Google', googleContactsCsv],
    ['HubSpot', hubspotContactsCsv],
  ])('%s: every good row lands once, every bad row is reported with its line and reason', async (_, write) => {
    const { bytes, expected } = wholeExport(write({ rows: 3000, badEvery: 37, seed: 5 }));
    const { rows } = await open([bytes]);
    expect(rows).toHaveLength(3000);
    const bad = rows.flatMap(({ source, normalised: { error } }) =>
      error === undefined ? [] : [{ row: source.row, line: source.line, code: error.code }],
    );
    expect(bad).toEqual(expected.bad);
    const good = rows.filter(({ normalised }) => normalised.error === undefined);
    expect(
      good.map(({ normalised: { values } }) => ('channels' in values ? values.channels?.[0]?.value : null)),
    ).toEqual(expected.emails);
  });

  it('goes on at any position with the same rows', async () => {
    const { bytes } = wholeExport(googleContactsCsv({ rows: 300, badEvery: 7 }));
    const whole = (await open([bytes])).rows;
    for (const skip of [1, 6, 7, 150, 299, 300]) {
      expect((await open([bytes], { skip })).rows).toEqual(whole.slice(skip));
    }
  });

  it('never throws and never hangs on random bytes', async () => {
    const header = Buffer.from('First Name,Email,Phone,Tags,Company Domain,Website,Address\n');
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .string({ unit: fc.constantFrom('"', ',', ';', '\n', '\r', '\t', '@', '.', 'a', '+', '1', ':') })
        .map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(noise, fc.boolean(), async (bytes, hasHeader) => {
        const source = await openSource(hasHeader ? [header, bytes] : [bytes]);
        if (!source.ok) return;
        for await (const { normalised } of source.records) {
          const hasContent = Object.keys(normalised.values).length > 0;
          expect(hasContent || normalised.error !== undefined || normalised.skipped !== undefined).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the fixtures', () => {
  it('are what their names say', () => {
    expect(readFileSync(new URL('google-2024.csv', FIXTURES)).subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    expect(readFileSync(new URL('google-2023.utf16le.csv', FIXTURES)).subarray(0, 2)).toEqual(
      Buffer.from([0xff, 0xfe]),
    );
    expect(readFileSync(new URL('outlook-de.semicolon.windows-1252.csv', FIXTURES)).includes(0xfc)).toBe(true);
  });
});
