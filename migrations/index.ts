import { Foundation1700000000001 } from './1700000000001-foundation.js';
import { Access1700000000002 } from './1700000000002-access.js';
import { Events1700000000003 } from './1700000000003-events.js';
import { Search1700000000006 } from './1700000000006-search.js';
import { Requests1700000000007 } from './1700000000007-requests.js';
import { Contacts1700000000008 } from './1700000000008-contacts.js';

/** The history of the schema, oldest first. */
export const migrations = [
  Foundation1700000000001,
  Access1700000000002,
  Events1700000000003,
  Search1700000000006,
  Requests1700000000007,
  Contacts1700000000008,
];
