import { findAlias, headerKey, isKnownHeader } from './header-aliases.js';

describe('header aliases', () => {
  it.each([
    ['First Name', 'first_name'],
    ['Given Name', 'first_name'],
    ['Pre\u0301nom', 'first_name'],
    ['E-mail 1 - Value', 'emails[1].value'],
    ['E-mail 2 Address', 'emails[2].value'],
    ['E-Mail-Adresse', 'emails[]'],
    ['E-Mail 3: Adresse', 'emails[3].value'],
    ['Phone 12 - Label', 'phones[12].label'],
    ['Organization 1 - Name', 'company.name'],
    ['Organization Name', 'company.name'],
    ['Address 2 - City', 'addresses[2].city'],
    ['Group Membership', 'tags'],
    ['Labels', 'tags'],
    ['Telefon (privat)', 'phones[]'],
    ['Téléphone 2 (bureau)', 'phones[]'],
    ['Dirección de correo electrónico 2', 'emails[2].value'],
    ['Person - Phone - Mobile', 'phones[]'],
    ['Birth Year', 'birthday'],
    ['Mailing State/Province', 'addresses[1].region'],
  ])('%s is %s of a contact', (name, to) => {
    expect(findAlias('contact', name)?.to).toBe(to);
  });

  it('reads the same name by the entity', () => {
    expect(findAlias('contact', 'Company name')?.to).toBe('company.name');
    expect(findAlias('company', 'Company name')?.to).toBe('name');
    expect(findAlias('company', 'First Name')).toBeUndefined();
  });

  it('knows nothing by chance', () => {
    for (const name of ['', 'E-mail 0 - Value', 'constructor', '__proto__', 'toString', 'Phone 1']) {
      expect(findAlias('contact', name)?.to ?? null).toBeNull();
    }
    expect(isKnownHeader(headerKey('Some e-mail addresses are missing'))).toBe(false);
  });
});
