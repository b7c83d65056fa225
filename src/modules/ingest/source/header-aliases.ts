import { COMPANY_ALIASES } from './company-aliases.js';
import { ADDRESS_ALIASES } from './address-aliases.js';
import { CHANNEL_ALIASES, PERSON_ALIASES } from './contact-aliases.js';
import type { HeaderAlias } from './header-alias.js';

/*
 * What the exporters of address books and CRMs call their columns, and which target each is. The table is ours, written
 * from the headers that the products document or write: Google Contacts (2024 and before), Outlook (English, German,
 * French, Spanish), outlook.com, Thunderbird, LinkedIn, HubSpot, Salesforce, Pipedrive.
 *
 * A name is compared by its key: lower case, letters and digits only. `#` in a name stands for a number, and `#` in the
 * target for the same one. A target ending in `[]` takes the next free place of its list, lower `rank` first, so that an
 * assistant's telephone does not become the primary one because it comes first in the file.
 */

/** The entities that an alias table exists for. */
export type AliasEntity = 'contact' | 'company';

/** A found alias: the target (list places still open as `[]`), and how sure it is. */
export interface AliasMatch {
  readonly to: string;
  readonly label: string | undefined;
  readonly rank: number;
  /** 0..1 */
  readonly confidence: number;
}

/** Lower case, letters and digits only (of any script), composed, so that `E-mail 1 - Value` is `email1value`. */
export function headerKey(name: string): string {
  return name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}

interface Patterned {
  readonly pattern: RegExp;
  readonly alias: HeaderAlias;
}

class AliasTable {
  private readonly exact = new Map<string, HeaderAlias>();
  private readonly patterned: Patterned[] = [];

  constructor(aliases: readonly HeaderAlias[]) {
    for (const alias of aliases) {
      for (const name of alias.names) {
        if (name.includes('#')) {
          this.patterned.push({ pattern: new RegExp(`^${name.split('#').map(headerKey).join('(\\d{1,2})')}$`), alias });
        } else if (!this.exact.has(headerKey(name))) {
          this.exact.set(headerKey(name), alias);
        }
      }
    }
  }

  find(key: string): AliasMatch | undefined {
    const exact = this.exact.get(key);
    if (exact !== undefined) return matchOf(exact);
    for (const { pattern, alias } of this.patterned) {
      const number = pattern.exec(key)?.[1];
      if (number !== undefined && Number(number) >= 1) return matchOf(alias, Number(number));
    }
    return undefined;
  }
}

function matchOf({ to, label, rank, is_weak: isWeak }: HeaderAlias, number?: number): AliasMatch {
  const target = number === undefined ? to : to.replace('#', String(number));
  return { to: target, label, rank: (rank ?? 5) * 100 + (number ?? 0), confidence: isWeak === true ? 0.6 : 0.95 };
}

const TABLES: Readonly<Record<AliasEntity, AliasTable>> = {
  contact: new AliasTable([...PERSON_ALIASES, ...CHANNEL_ALIASES, ...ADDRESS_ALIASES]),
  company: new AliasTable(COMPANY_ALIASES),
};

/** What a column of that name means for the entity, or undefined when no exporter we know uses it. */
export function findAlias(entity: AliasEntity, columnName: string): AliasMatch | undefined {
  return TABLES[entity].find(headerKey(columnName));
}

/** Whether a {@link headerKey} is one that some exporter uses: the sign by which a header row is told from a preamble. */
export function isKnownHeader(key: string): boolean {
  return TABLES.contact.find(key) !== undefined || TABLES.company.find(key) !== undefined;
}
