import fc from 'fast-check';
import {
  applyCompanyPatch,
  applyCompanyRow,
  companyFault,
  EMPTY_COMPANY,
  isCyclic,
  readCompany,
} from './apply-company.js';

const acme = { ...EMPTY_COMPANY, name: 'Acme', domains: ['acme.com', 'acme.de'] };

it('brings fields into their normal form', () => {
  const given = { domain: 'https://WWW.Acme.com/about', website: 'acme.com', annual_revenue: '12.50', currency: 'eur' };
  expect(readCompany({ name: 'Acme', ...given })).toEqual({
    name: 'Acme',
    domain: 'acme.com',
    website: 'https://acme.com',
    annual_revenue: '12.5',
    currency: 'EUR',
  });
  expect(readCompany({ domains: ['co.uk'], website: 'javascript:x', currency: 'XXQ' }, '/0')).toEqual(
    ['/0/domains/0', '/0/website', '/0/currency'].map((pointer) => expect.objectContaining({ pointer })),
  );
});

it('replaces the primary domain in a patch and keeps the old one in a batch', () => {
  expect(applyCompanyPatch(acme, { domain: 'acme.org' }).domains).toEqual(['acme.org', 'acme.de']);
  expect(applyCompanyPatch(acme, { domain: 'acme.de' }).domains).toEqual(['acme.de']);
  expect(applyCompanyPatch(acme, { domain: null }).domains).toEqual(['acme.de']);
  expect(applyCompanyRow(acme, { domain: 'acme.org' }, {}).domains).toEqual(['acme.org', 'acme.com', 'acme.de']);
  expect(applyCompanyRow(acme, { domain: 'acme.de' }, {})).toEqual(acme);
  expect(applyCompanyRow(acme, { domain: 'acme.org' }, { on_match: 'fill_empty' })).toEqual(acme);
});

it('needs a name only when it is new', () => {
  expect(companyFault(applyCompanyRow(EMPTY_COMPANY, { domain: 'acme.com' }, {}))?.pointer).toBe('/name');
  expect(companyFault(applyCompanyRow(acme, { domain: 'acme.com' }, {}))).toBeUndefined();
});

it('finds every circle and ends on every tree', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const tree = fc.tuple(...ids.map(() => fc.option(fc.constantFrom(...ids))));
  fc.assert(
    fc.property(tree, fc.constantFrom(...ids), fc.constantFrom(...ids), (parents, id, parent) => {
      const above = new Map(ids.map((one, index) => [one, parents[index] ?? null]));
      const seen = new Set<string>();
      let at: string | null = parent;
      while (at !== null && at !== id && !seen.has(at)) {
        seen.add(at);
        at = above.get(at) ?? null;
      }
      expect(isCyclic(id, parent, above)).toBe(at !== null);
    }),
  );
});
