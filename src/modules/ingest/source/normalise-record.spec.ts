import fc from 'fast-check';
import { mapRecord } from './map-record.js';
import { parseMapping } from './mapping.js';
import { normaliseRecord, splitName } from './normalise-record.js';
import { planColumns } from './plan-columns.js';

function land(cells: Readonly<Record<string, string>>, document: unknown = {}, region = 'CH') {
  const reading = parseMapping(document);
  if (!reading.ok) throw new Error('the mapping is valid');
  const columns = Object.keys(cells);
  const record = { row: 1, line: 2, columns, cells: Object.values(cells), diagnostics: [] };
  const { values, diagnostics, error, skipped } = normaliseRecord(
    mapRecord(record, planColumns(columns, reading.mapping)),
    { region },
  );
  return {
    values,
    error,
    skipped,
    codes: diagnostics.map(({ code, field }) => (field === undefined ? code : `${code} ${field}`)),
  };
}

describe('a contact', () => {
  it('gets its normal forms', () => {
    expect(
      land({
        'First Name': '  Zoe\u0308\u0007 ',
        Email: 'mailto:ADA@BÜCHER.example',
        Phone: '044 668 18 00',
        Website: 'example.com/x',
        Tags: 'VIP; vip , Customer|',
        'Company Domain': 'https://www.example.com/about',
      }),
    ).toEqual({
      values: {
        first_name: 'Zoë',
        channels: [
          { kind: 'email', value: 'ada@xn--bcher-kva.example' },
          { kind: 'phone', value: '+41446681800' },
          { kind: 'url', value: 'https://example.com/x' },
        ],
        company: { domain: 'example.com' },
        tags: ['VIP', 'Customer'],
      },
      error: undefined,
      skipped: undefined,
      codes: [],
    });
  });

  it('keeps what it cannot read, and warns', () => {
    const { values, codes } = land({
      Name: 'Ada',
      Email: 'ada(at)example',
      Phone: 'none',
      Website: 'javascript:x',
      'Mobile Phone': '12',
    });
    expect(values).toEqual({
      first_name: 'Ada',
      channels: [{ kind: 'phone', value: '12', label: 'mobile' }],
      attributes: { unparsed: { email: ['ada(at)example'], phone: ['none'], url: ['javascript:x'] } },
    });
    expect(codes).toEqual(['invalid-email email', 'invalid-phone phone', 'invalid-phone phone', 'invalid-url url']);
  });

  it('needs something to find or show it by', () => {
    expect(land({ City: 'Bern' }).error).toMatchObject({ code: 'row-needs', row: 1, line: 2 });
    expect(land({ Email: 'broken', City: '' }).error?.message).toContain('refused: email');
    for (const column of ['First Name', 'Email', 'Phone', 'External ID']) {
      expect(land({ [column]: column === 'Email' ? 'a@example.com' : '0446681800' }).error).toBeUndefined();
    }
  });

  it('is skipped, not failed, when the row is empty', () => {
    expect(land({ 'First Name': ' ', Email: '0/0/00' })).toMatchObject({
      error: undefined,
      skipped: { code: 'empty-row' },
    });
  });

  it('reads several values of a cell, starred labels and guarded formulas', () => {
    const { values } = land({
      'E-mail 1 - Label': '* Work',
      'E-mail 1 - Value': 'a@example.com ::: b@example.com ::: A@example.com',
      'Phone 1 - Value': "'+41446681800",
      Labels: '* myContacts ::: vip',
    });
    expect(values).toEqual({
      channels: [
        { kind: 'email', value: 'a@example.com', label: 'work' },
        { kind: 'email', value: 'b@example.com', label: 'work' },
        { kind: 'phone', value: '+41446681800' },
      ],
      tags: ['myContacts', 'vip'],
    });
  });

  it('joins an address in parts and takes the formatted one only without parts', () => {
    const parts = {
      'First Name': 'A',
      'Address 1 - Formatted': 'x\ny',
      'Address 1 - Street': '1 Road\nFloor 2',
      'Address 1 - City': 'Bern',
    };
    expect(land(parts).values).toMatchObject({ channels: [{ kind: 'address', value: '1 Road, Floor 2, Bern' }] });
    expect(land({ 'First Name': 'A', Address: 'x\r\ny' }).values).toMatchObject({ channels: [{ value: 'x, y' }] });
  });

  it('reads dates by the format of the mapping and keeps as text what can mean two days', () => {
    const date = (text: string, format: string) =>
      land({ 'First Name': 'A', D: text }, { D: { to: 'attributes.d', date: format } });
    expect(date('31.12.2024', 'dd.MM.yyyy').values.attributes).toEqual({ d: '2024-12-31' });
    expect(date('03/04/2024', 'dd.MM.yyyy')).toMatchObject({
      values: { attributes: { d: '03/04/2024' } },
      codes: ['invalid-date attributes.d'],
    });
  });

  it('maps, splits, ignores and defaults as the mapping says', () => {
    const rule = {
      to: 'attributes.stage',
      map: { Won: 'won', Lost: 'lost' },
      split: '/',
      ignore_if: ['-'],
      default: 'open',
    };
    const stage = (text: string) => land({ 'First Name': 'A', S: text }, { S: rule }).values.attributes;
    expect(stage('WON')).toEqual({ stage: 'won' });
    expect(stage('won / Lost/x')).toEqual({ stage: ['won', 'lost', 'x'] });
    expect(stage('-')).toEqual({ stage: 'open' });
    expect(stage('')).toEqual({ stage: 'open' });
  });

  it('drops nothing silently where a limit is exceeded', () => {
    const many = Array.from({ length: 120 }, (_, index) => `t${index}`).join(';');
    const { values, codes } = land({
      'First Name': 'x'.repeat(300),
      Email: 'a@example.com',
      Tags: `${many};${'y'.repeat(65)}`,
    });
    expect(values.tags).toHaveLength(100);
    expect(values).not.toHaveProperty('first_name');
    expect(codes).toEqual(['too-long first_name', 'invalid-tag tags', 'too-many-values tags']);
  });
});

describe('a company', () => {
  const company = (cells: Readonly<Record<string, string>>) => land(cells, { _entity: 'company' });

  it('gets its normal forms', () => {
    expect(
      company({
        Name: 'Acme',
        Domain: 'HTTPS://www.Acme.example.com/',
        Website: 'acme.example.com',
        Employees: "1'200",
        'Annual Revenue': '1.234,56 €',
      }).values,
    ).toEqual({
      name: 'Acme',
      domains: ['acme.example.com'],
      website: 'https://acme.example.com',
      employee_count: 1200,
      annual_revenue: '1234.56',
      currency: 'EUR',
    });
  });

  it('is named by its domain when it has no name; a public suffix alone is an error', () => {
    expect(company({ Domain: 'acme.example.com' }).values).toMatchObject({ name: 'acme.example.com' });
    expect(company({ Name: 'Acme', Domain: 'co.uk' }).error).toMatchObject({ code: 'invalid-domain', value: 'co.uk' });
    expect(company({ Industry: 'Steel' }).error).toMatchObject({ code: 'row-needs' });
    expect(company({ 'External ID': '7' }).error).toBeUndefined();
  });

  it('warns of figures that are unsure or none', () => {
    expect(company({ Name: 'A', 'Annual Revenue': '1,234', Employees: '11-50' })).toMatchObject({
      values: { annual_revenue: '1234', attributes: { unparsed: { employee_count: ['11-50'] } } },
      codes: ['invalid-number employee_count', 'ambiguous-amount annual_revenue'],
    });
  });
});

describe('splitName', () => {
  it.each([
    ['Ada Lovelace', { first_name: 'Ada', last_name: 'Lovelace' }],
    ['Lovelace, Ada King', { first_name: 'Ada King', last_name: 'Lovelace' }],
    ['Ada King Lovelace', { first_name: 'Ada King', last_name: 'Lovelace' }],
    ['Cher', { first_name: 'Cher' }],
    ['Cher,', { first_name: 'Cher' }],
    [', ', {}],
  ])('%j', (name, parts) => {
    expect(splitName(name)).toEqual(parts);
  });
});

describe('any cells at all', () => {
  it('give a result without an exception, and storable text', () => {
    const names = [
      'First Name',
      'Email',
      'Phone',
      'Tags',
      'Website',
      'Company Domain',
      'attributes.x',
      'Address',
      'IM 1 - Value',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\0', '\ud800', ':', ' ', '@', '.', '1', 'a') }),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: names.length, maxLength: names.length }), (cells) => {
        const { values } = land(Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])));
        const visit = (value: unknown): void => {
          if (typeof value === 'string') {
            expect(value).not.toContain('\0');
            expect(value).not.toMatch(/\p{Cs}/u);
            expect(value).not.toBe('');
          } else if (typeof value === 'object' && value !== null) {
            for (const inner of Object.values(value)) visit(inner);
          }
        };
        visit(values);
      }),
    );
  });
});
