import { ROLES, type Role } from '../../../contracts/permissions.js';
import { ChoiceField, patchOf, TextField, TimestampField, UuidField } from '../../../platform/http/fields.js';

export class AddMember {
  @TextField({ description: 'E-mail of the person.', max_length: 320, format: 'email', example: 'ada@example.com' })
  email!: string;

  @TextField({
    description: 'Name, used when nobody is known by this e-mail. Default: the e-mail.',
    is_optional: true,
    min_length: 1,
    max_length: 255,
    example: 'Ada Lovelace',
  })
  name?: string | null;

  @ChoiceField(ROLES, { description: 'Role in this workspace; at most your own.', example: 'member' })
  role!: Role;
}

export class UpdateMember extends patchOf(AddMember, ['email', 'name']) {}

export class MemberDto {
  @UuidField({ description: 'Id of the person.' })
  id!: string;

  @TextField({
    description: 'E-mail, if one is known.',
    is_optional: true,
    format: 'email',
    example: 'ada@example.com',
  })
  email!: string | null;

  @TextField({ description: 'Name.', example: 'Ada Lovelace' })
  name!: string;

  @ChoiceField(ROLES, { description: 'Role in this workspace.', example: 'member' })
  role!: Role;

  @ChoiceField(['invited', 'sso', 'scim'], {
    description:
      'How the person came: added by an admin, or by the identity provider, whose rules then decide the role.',
  })
  source!: 'invited' | 'sso' | 'scim';

  @TimestampField({ description: 'Member since.' })
  created_at!: string;

  @TimestampField({ description: 'When the membership was last changed.' })
  updated_at!: string;
}
