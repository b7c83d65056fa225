import { Foundation1700000000001 } from './1700000000001-foundation.js';
import { Access1700000000002 } from './1700000000002-access.js';
import { Events1700000000003 } from './1700000000003-events.js';
import { Jobs1700000000004 } from './1700000000004-jobs.js';
import { Limits1700000000005 } from './1700000000005-limits.js';
import { Search1700000000006 } from './1700000000006-search.js';
import { Requests1700000000007 } from './1700000000007-requests.js';
import { Contacts1700000000008 } from './1700000000008-contacts.js';
import { Ingest1700000000009 } from './1700000000009-ingest.js';
import { Identities1700000000010 } from './1700000000010-identities.js';
import { Webhooks1700000000011 } from './1700000000011-webhooks.js';

/** The history of the schema, oldest first. */
export const migrations = [
  Foundation1700000000001,
  Access1700000000002,
  Events1700000000003,
  Jobs1700000000004,
  Limits1700000000005,
  Search1700000000006,
  Requests1700000000007,
  Contacts1700000000008,
  Ingest1700000000009,
  Identities1700000000010,
  Webhooks1700000000011,
];
