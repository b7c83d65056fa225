import fc from 'fast-check';
import { parseMapping } from './mapping.js';
import { parseTarget, targetName } from './targets.js';

const errorsOf = (document: unknown, entity?: string) => {
  const reading = parseMapping(document, entity);
  return reading.ok ? [] : reading.errors;
};

describe('parseMapping', () => {
  it('reads targets, settings and columns left out on purpose', () => {
    const reading = parseMapping({ _entity: 'company', _strict: true, Firma: 'name', Intern: null });
    expect(reading).toMatchObject({ ok: true, mapping: { entity: 'company', is_strict: true } });
    if (!reading.ok) return;
    expect([...reading.mapping.columns]).toEqual([
      ['Firma', { target: { kind: 'field', name: 'name' } }],
      ['Intern', null],
    ]);
  });

  it('takes {"_entity": ...} alone, the entity of the request alone, and nothing at all', () => {
    expect(parseMapping({ _entity: 'company' })).toMatchObject({ ok: true, mapping: { entity: 'company' } });
    expect(parseMapping(undefined, 'company')).toMatchObject({ ok: true, mapping: { entity: 'company' } });
    expect(parseMapping({})).toMatchObject({ ok: true, mapping: { entity: undefined } });
    expect(parseMapping(undefined)).toMatchObject({ ok: true });
  });

  it('reads the object form', () => {
    const reading = parseMapping({
      Stage: { to: 'attributes.stage', map: { Won: 'won' }, default: 'open', ignore_if: ['-', '0/0/00'], split: ';' },
    });
    if (!reading.ok) throw new Error('the mapping is valid');
    const rule = reading.mapping.columns.get('Stage');
    expect(rule).toMatchObject({ target: { kind: 'attribute', name: 'stage' }, default: 'open', split: ';' });
    expect(rule?.map?.get('won')).toBe('won');
    expect(rule?.ignore_if?.has('0/0/00')).toBe(true);
  });

  it('lists every mistake with its pointer and what was probably meant', () => {
    const errors = errorsOf({
      _entity: 'contcat',
      _stric: true,
      'a/b': 'frist_name',
      c: { to: 'emials[1].value', spilt: ';', date: 'DD.MM.YYYY' },
      d: 7,
      e: { split: ';' },
    });
    expect(errors.map(({ pointer, suggestion }) => [pointer, suggestion])).toEqual([
      ['/_entity', 'contact'],
      ['/_stric', '_strict'],
      ['/a~1b', 'first_name'],
      ['/c/spilt', 'split'],
      ['/c/to', 'emails[1].value'],
      ['/d', undefined],
      ['/e/to', undefined],
    ]);
  });

  it('refuses entities that contradict each other, and names what waits for its room', () => {
    expect(errorsOf({ _entity: 'company' }, 'contact')).toMatchObject([{ pointer: '/_entity' }]);
    expect(errorsOf(undefined, 'deal')[0]?.detail).toContain('deals');
  });

  it('refuses targets that reach into the runtime, and places beyond the lists', () => {
    for (const target of [
      'attributes.__proto__',
      'attributes.',
      'constructor',
      'emails[0].value',
      'emails[51]',
      'phones[1].city',
    ]) {
      expect(errorsOf({ a: target })).toHaveLength(1);
    }
    expect(errorsOf({ a: 'first_name' }, 'company')).toHaveLength(1);
  });

  it('never throws, whatever the document', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (value, object) => {
        expect(typeof parseMapping(value).ok).toBe('boolean');
        expect(typeof parseMapping(object).ok).toBe('boolean');
      }),
    );
  });
});

describe('targetName', () => {
  it.each(['first_name', 'tags', 'company.domain', 'emails[2].label', 'addresses[3].postal_code', 'attributes.vat id'])(
    '%s is read back as itself',
    (name) => {
      const parsed = parseTarget(name, 'contact');
      expect(parsed.ok && targetName(parsed.target)).toBe(name);
    },
  );
});
