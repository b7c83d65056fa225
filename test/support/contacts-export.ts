/**
 * Contacts exports as large as a test wants, written the way the products write them: a byte order mark, quoted cells
 * with line ends and doubled quotes, names of many languages, and bad rows at known places. The same options always give
 * the same bytes. All persons are invented; addresses lie below example.com and its like (RFC 2606).
 */
export interface ExportOptions {
  /** Rows without the header, the bad ones included. */
  rows: number;
  /** Every so many rows one is bad; 0 for none. */
  badEvery?: number;
  /** Any integer; another one gives other persons with other addresses. */
  seed?: number;
}

/** A row that must be reported and not land. */
export interface ExpectedBadRow {
  /** 1-based, the header not counted. */
  row: number;
  /** Physical line at which the row begins. */
  line: number;
  /** Code of the error that is to be reported. */
  code: 'row-needs' | 'too-many-cells' | 'unclosed-quote';
}

/** What an ingest of the whole export must come to. */
export interface ExpectedOutcome {
  rows: number;
  good: number;
  bad: ExpectedBadRow[];
  /** E-mail addresses of the good rows in their stored form, in order; each occurs once. */
  emails: string[];
}

type Export = Generator<string, ExpectedOutcome, undefined>;
type BadRow = 'nothing-to-find' | 'only-a-broken-address' | 'surplus-cell' | 'open-quote';

interface Person {
  first: string;
  last: string;
  email: string;
  phone: string;
  company: string;
  title: string;
  street: string;
  city: string;
  country: string;
  note: string;
  tags: string;
  index: number;
}

interface Layout {
  columns: readonly string[];
  lineEnd: string;
  isQuotedAlways: boolean;
  cells(person: Person): Readonly<Record<string, string>>;
}

const FIRST = ['Ada', 'Grace', 'Zoë', 'José', 'Björn', 'Yuki', 'Siobhán', 'Łukasz', 'Amina', '花子', 'Olga', "D'Arcy"];
const LAST = [
  'Lovelace',
  'Hopper',
  'Müller',
  'Núñez',
  'Åström',
  'Tanaka',
  "O'Neill",
  'Żak',
  'van der Berg',
  '山田',
  'Ivanova',
];
const COMPANIES = ['Acme, Inc.', 'Globex', 'Hooli "Labs"', 'Müller & Söhne GmbH', 'Initech', 'Umbrella; Ltd', ''];
const TITLES = ['Engineer', 'Head of Sales', 'CTO, EMEA', 'Buyer', ''];
const CITIES = ['Zürich', 'Tokyo', 'São Paulo', 'Kraków', 'Boston'];
const COUNTRIES = ['CH', 'JP', 'BR', 'PL', 'US'];
const NOTES = [
  '',
  '',
  'Met at the fair.\nCall back in May.',
  'Says "maybe", then hangs up',
  'One\r\ntwo\r\n\r\nfour',
  'a; b | c',
];
const TAGS = ['', 'customer', 'customer ::: newsletter', '* myContacts ::: vip'];
const BAD: readonly BadRow[] = ['nothing-to-find', 'surplus-cell', 'open-quote', 'only-a-broken-address'];

const GOOGLE: Layout = {
  columns: (
    'First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,Name Prefix,Name Suffix,' +
    'Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,Labels,' +
    'E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Address 1 - Label,Address 1 - Formatted,' +
    'Address 1 - Street,Address 1 - City,Address 1 - PO Box,Address 1 - Region,Address 1 - Postal Code,' +
    'Address 1 - Country,Address 1 - Extended Address,Website 1 - Label,Website 1 - Value'
  ).split(','),
  lineEnd: '\n',
  isQuotedAlways: false,
  cells: (person) => ({
    'First Name': person.first,
    'Last Name': person.last,
    'Organization Name': person.company,
    'Organization Title': person.title,
    Notes: person.note,
    Labels: person.tags,
    'E-mail 1 - Label': person.email === '' ? '' : '* Work',
    'E-mail 1 - Value': person.email,
    'Phone 1 - Label': person.phone === '' ? '' : 'Mobile',
    'Phone 1 - Value': person.phone,
    'Address 1 - Formatted': `${person.street}\n${person.city}\n${person.country}`,
    'Address 1 - Street': person.street,
    'Address 1 - City': person.city,
    'Address 1 - Country': person.country,
  }),
};

const HUBSPOT: Layout = {
  columns: (
    'Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Last Activity Date,Lead Status,' +
    'Marketing contact status,Create Date,Job Title,Company Name,Street Address,City,Country/Region,Lifecycle Stage,Notes'
  ).split(','),
  lineEnd: '\r\n',
  isQuotedAlways: true,
  cells: (person) => ({
    'Record ID': String(900_000 + person.index),
    'First Name': person.first,
    'Last Name': person.last,
    Email: person.email,
    'Phone Number': person.phone,
    'Marketing contact status': 'Non-marketing contact',
    'Create Date': '2024-03-05 10:12',
    'Job Title': person.title,
    'Company Name': person.company,
    'Street Address': person.street,
    City: person.city,
    'Country/Region': person.country,
    'Lifecycle Stage': 'lead',
    Notes: person.note,
  }),
};

/** An export of Google Contacts in the layout of 2024: LF, cells quoted where needed. Returns what is to be expected. */
export function* googleContactsCsv(options: ExportOptions): Export {
  return yield* contactsCsv(GOOGLE, options);
}

/** An export of HubSpot contacts: CR LF, every cell quoted. Returns what is to be expected. */
export function* hubspotContactsCsv(options: ExportOptions): Export {
  return yield* contactsCsv(HUBSPOT, options);
}

/** A whole export as one buffer, with what is to be expected of it. */
export function wholeExport(chunks: Export): { bytes: Buffer; expected: ExpectedOutcome } {
  const parts: string[] = [];
  for (;;) {
    const next = chunks.next();
    if (next.done === true) return { bytes: Buffer.from(parts.join('')), expected: next.value };
    parts.push(next.value);
  }
}

function* contactsCsv(layout: Layout, { rows, badEvery = 0, seed = 1 }: ExportOptions): Export {
  const random = randomOf(seed);
  const bad: ExpectedBadRow[] = [];
  const emails: string[] = [];
  const write = (cells: readonly string[]): string =>
    cells.map((cell) => written(cell, layout)).join(',') + layout.lineEnd;
  let chunk = `\uFEFF${write(layout.columns)}`;
  let line = 2;
  for (let row = 1; row <= rows; row++) {
    const person = personOf(row, seed, random);
    const kind = badEvery > 0 && row % badEvery === 0 ? BAD[(row / badEvery - 1) % BAD.length] : undefined;
    if (kind === 'nothing-to-find') Object.assign(person, { first: '', last: '', email: '', phone: '' });
    if (kind === 'only-a-broken-address')
      Object.assign(person, { first: '', last: '', email: 'ada(at)example', phone: '' });
    const given = layout.cells(person);
    const cells = layout.columns.map((column) => given[column] ?? '');
    let text: string;
    if (kind === 'open-quote') {
      // A quote before a note that runs over the end of the line: all that follows would be its cell.
      const flat = cells.map((cell) => cell.replace(/[\r\n"]+/g, ' '));
      flat[layout.columns.indexOf('Last Name')] = `"${person.last}`;
      text = flat.map((cell) => cell.replaceAll(',', ' ')).join(',') + layout.lineEnd;
    } else {
      text = write(kind === 'surplus-cell' ? [...cells, 'surplus'] : cells);
    }
    if (kind === undefined) {
      emails.push(person.email.toLowerCase());
    } else {
      const code = kind === 'surplus-cell' ? 'too-many-cells' : kind === 'open-quote' ? 'unclosed-quote' : 'row-needs';
      bad.push({ row, line, code });
    }
    line += text.split(/\r\n|\r|\n/).length - 1;
    chunk += text;
    if (chunk.length >= 32_768) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
  return { rows, good: rows - bad.length, bad, emails };
}

function personOf(index: number, seed: number, random: () => number): Person {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const place = Math.floor(random() * CITIES.length);
  return {
    first: pick(FIRST),
    last: pick(LAST),
    email: `${random() < 0.3 ? 'Ada' : 'ada'}.${seed}.${index}@${random() < 0.5 ? 'Example.com' : 'example.org'}`,
    phone: random() < 0.5 ? `+44 20 7946 ${String(Math.floor(random() * 1000)).padStart(4, '0')}` : '',
    company: pick(COMPANIES),
    title: pick(TITLES),
    street: `${1 + Math.floor(random() * 200)} Main Street`,
    city: CITIES[place] ?? '',
    country: COUNTRIES[place] ?? '',
    note: pick(NOTES),
    tags: pick(TAGS),
    index,
  };
}

function written(cell: string, { isQuotedAlways }: Layout): string {
  return isQuotedAlways || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** mulberry32, a small generator of good enough numbers in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
