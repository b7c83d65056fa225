import { ROLES } from '../../contracts/permissions.js';
import type { ListSpec } from '../../platform/http/listing.js';

const created = { column: 'created_at', type: 'timestamptz' } as const;
const name = { column: 'name', type: 'text' } as const;

export const MEMBER_LIST: ListSpec = {
  filters: {
    role: { kind: 'choice', choices: ROLES, description: 'Role in the workspace.' },
    email: {
      kind: 'text',
      description: 'E-mail.',
      operators: ['eq', 'in'],
      normalise: (text) => text.trim().toLowerCase(),
    },
    source: { kind: 'choice', choices: ['invited', 'sso', 'scim'], description: 'How the person came.' },
    created_at: { kind: 'timestamp', description: 'Member since.' },
  },
  sorts: { created_at: created, name },
  default_sort: '-created_at',
};

export const API_KEY_LIST: ListSpec = {
  filters: {
    role: { kind: 'choice', choices: ROLES, description: 'Role of the key.' },
    user_id: { kind: 'uuid', description: 'For whom the key acts.' },
    prefix: { kind: 'text', description: 'The public part behind egw_.', operators: ['eq', 'in'] },
    revoked_at: { kind: 'timestamp', description: 'When it was revoked.' },
    expires_at: { kind: 'timestamp', description: 'When it ends by itself.' },
    created_at: { kind: 'timestamp', description: 'When it was created.' },
  },
  sorts: { created_at: created, name },
  default_sort: '-created_at',
};

export const SSO_CONNECTION_LIST: ListSpec = {
  filters: { issuer: { kind: 'text', description: 'Exact issuer.', operators: ['eq', 'in'] } },
  sorts: { created_at: created, name },
  default_sort: '-created_at',
};
