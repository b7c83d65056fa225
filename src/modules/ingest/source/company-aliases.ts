import type { HeaderAlias } from './header-alias.js';

/** Columns of a list of companies: HubSpot companies, Salesforce accounts, Pipedrive organizations. */
export const COMPANY_ALIASES: readonly HeaderAlias[] = [
  {
    to: 'name',
    names: [
      'Company',
      'Company Name',
      'Account Name',
      'Organization',
      'Organisation',
      'Organization Name',
      'Organization - Name',
      'Firma',
      'Unternehmen',
      'Société',
      'Entreprise',
      'Empresa',
      'Organización',
    ],
  },
  { to: 'name', names: ['Name'], is_weak: true },
  { to: 'domain', names: ['Domain', 'Domain Name', 'Company Domain', 'Company Domain Name'] },
  {
    to: 'website',
    names: [
      'Website',
      'Website URL',
      'Web Page',
      'Company Website',
      'Organization - Website',
      'Webseite',
      'Page Web',
      'Página web',
      'Homepage',
    ],
  },
  { to: 'industry', names: ['Industry', 'Organization - Industry', 'Branche', "Secteur d'activité", 'Sector'] },
  {
    to: 'employee_count',
    names: [
      'Employees',
      'Number of Employees',
      'Employee Count',
      'Organization - Number of employees',
      'Mitarbeiter',
      "Nombre d'employés",
      'Empleados',
    ],
  },
  {
    to: 'annual_revenue',
    names: [
      'Annual Revenue',
      'Organization - Annual revenue',
      'Jahresumsatz',
      "Chiffre d'affaires",
      'Ingresos anuales',
    ],
  },
  { to: 'currency', names: ['Currency', 'Account Currency', 'Währung', 'Devise', 'Moneda'] },
  { to: 'description', names: ['Description', 'Account Description', 'About Us', 'Beschreibung', 'Descripción'] },
  { to: 'external_id', names: ['External ID', 'External Key'] },
  {
    to: 'tags',
    names: ['Tags', 'Labels', 'Categories', 'Organization - Label', 'Kategorien', 'Catégories', 'Categorías'],
  },
  { to: 'note', names: ['Notes', 'Note', 'Notizen', 'Notas'] },
];
