import { Foundation1700000000001 } from './1700000000001-foundation.js';
import { Access1700000000002 } from './1700000000002-access.js';
import { Limits1700000000005 } from './1700000000005-limits.js';
import { Requests1700000000007 } from './1700000000007-requests.js';

/** The history of the schema, oldest first. */
export const migrations = [Foundation1700000000001, Access1700000000002, Limits1700000000005, Requests1700000000007];
