import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/**
 * An identity provider says what it likes about e-mails, so whoever comes by one holds no e-mail of ours: what was said is
 * kept with the identity, and `users.email` is for addresses that an admin or the person named.
 */
export class Identities1700000000010 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table users alter column email drop not null;
      alter table identities add column email text;
      -- When the claims that decided the role were issued, so that an older token cannot bring an older role back.
      alter table identities add column claims_at timestamptz;
      create index identities_user_id_idx on identities (user_id);
      create index api_keys_user_id_idx on api_keys (workspace_id, user_id);
      create index sso_audiences_connection_id_idx on sso_audiences (workspace_id, connection_id);
    `);
  }
}
