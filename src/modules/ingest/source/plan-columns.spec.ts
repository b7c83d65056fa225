import { parseMapping } from './mapping.js';
import { planColumns } from './plan-columns.js';

const mappingOf = (document: unknown) => {
  const reading = parseMapping(document);
  if (!reading.ok) throw new Error('the mapping is valid');
  return reading.mapping;
};
const targets = (columns: string[], document?: unknown) =>
  planColumns(columns, document === undefined ? undefined : mappingOf(document)).proposals.map(({ target }) => target);

describe('planColumns', () => {
  it('lets the mapping decide the columns it names, and aliases the others', () => {
    expect(targets(['First Name', 'Email', 'X'], { X: 'title', 'First Name': 'last_name' })).toEqual([
      'last_name',
      'emails[1].value',
      'title',
    ]);
    expect(targets(['First Name', 'Email', 'X'], { X: 'title', _strict: true })).toEqual([null, null, 'title']);
  });

  it('takes a column that is named like a target for that target', () => {
    expect(targets(['title', 'phones[2].value', 'attributes.vat_id'])).toEqual([
      'title',
      'phones[2].value',
      'attributes.vat_id',
    ]);
  });

  it('gives places by rank, so that the assistant does not become the primary number', () => {
    const plan = planColumns(["Assistant's Phone", 'Business Phone', 'Mobile Phone', 'First Name']);
    expect(plan.proposals.map(({ target, label }) => [target, label])).toEqual([
      ['phones[3].value', 'assistant'],
      ['phones[2].value', 'work'],
      ['phones[1].value', 'mobile'],
      ['first_name', undefined],
    ]);
  });

  it('leaves places alone that the mapping or numbered columns have taken', () => {
    expect(targets(['E-mail Address', 'E-mail 2 Address', 'X'], { X: 'emails[1].value' })).toEqual([
      'emails[3].value',
      'emails[2].value',
      'emails[1].value',
    ]);
  });

  it('lets a weak alias give way: Title is the salutation where there is a Job Title', () => {
    expect(targets(['Title', 'First Name', 'Job Title'])).toEqual([null, 'first_name', 'title']);
    expect(targets(['Title', 'First Name'])).toEqual(['title', 'first_name']);
  });

  it('reports what waits for a room, what is unknown, and what is missing', () => {
    const plan = planColumns(['Email', 'Birthday', 'Shoe size'], mappingOf({ Emial: 'last_name' }));
    expect(plan.diagnostics.map(({ code, column, level }) => [code, column, level])).toEqual([
      ['column-missing', 'Emial', 'warning'],
      ['column-waits', 'Birthday', 'info'],
      ['column-not-mapped', 'Shoe size', 'info'],
    ]);
    expect(plan.diagnostics[0]?.message).toContain('"Email"');
  });

  it('finds a named column whatever its case and spacing, when only one is meant', () => {
    expect(targets(['first  NAME'], { 'First Name': 'title' })).toEqual(['title']);
  });

  it('keeps a default of a column that the source lacks', () => {
    const plan = planColumns(['Email'], mappingOf({ Source: { to: 'attributes.source', default: 'fair' } }));
    expect(plan.constants).toHaveLength(1);
    expect(plan.diagnostics).toEqual([]);
  });

  it('guesses companies only from what persons do not have', () => {
    expect(planColumns(['Company name', 'Company Domain Name']).entity).toBe('company');
    expect(planColumns(['Company name', 'Company Domain Name', 'Email']).entity).toBe('contact');
    expect(planColumns(['Name', 'Phone']).entity).toBe('contact');
  });
});
