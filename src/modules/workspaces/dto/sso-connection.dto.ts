import { TOKEN_ALGORITHMS } from '../../../platform/auth/issuer-token-checks.js';
import { GRANTED_ROLES, type GrantedRole } from '../../../platform/auth/role-rules.js';
import {
  BooleanField,
  ChoiceField,
  items,
  JsonField,
  ListField,
  patchOf,
  TextField,
  TimestampField,
  UuidField,
} from '../../../platform/http/fields.js';

const CLAIM = { min_length: 1, max_length: 200 } as const;

export class RoleRuleDto {
  @TextField({ description: 'Name of the claim.', ...CLAIM, example: 'groups' })
  claim!: string;

  @TextField({ description: 'The claim is this value.', is_optional: true, ...CLAIM, example: 'sales' })
  equals?: string | null;

  @TextField({
    description: 'The claim, a list or words, has this member.',
    is_optional: true,
    ...CLAIM,
    example: 'it',
  })
  contains?: string | null;

  @ChoiceField(GRANTED_ROLES, { description: 'Role for whom the rule fits. Owners are made by owners alone.' })
  role!: GrantedRole;
}

export class CreateSsoConnection {
  @TextField({ description: 'Name for people.', min_length: 1, max_length: 255, example: 'Company login' })
  name!: string;

  @TextField({
    description: 'Exact `iss` of the tokens.',
    min_length: 1,
    max_length: 500,
    format: 'uri',
    example: 'https://login.example.com',
  })
  issuer!: string;

  @ListField(items.text({ min_length: 1, max_length: 500 }), {
    description: 'Accepted `aud` values.',
    min_items: 1,
    max_items: 20,
    example: ['https://engawa.example.com'],
  })
  audiences!: string[];

  @TextField({
    description: 'Claim that names the organization, for an issuer that serves many: org_id, tid, hd.',
    is_optional: true,
    ...CLAIM,
    example: 'tid',
  })
  organization_claim?: string | null;

  @TextField({ description: 'Value of that claim for your organization.', is_optional: true, ...CLAIM })
  organization_value?: string | null;

  @ListField(items.choice(TOKEN_ALGORITHMS), {
    description: 'Accepted signatures.',
    min_items: 1,
    max_items: TOKEN_ALGORITHMS.length,
    default: ['RS256'],
    example: ['RS256'],
  })
  algorithms!: string[];

  @TextField({
    description: "Where the keys are; null: found through the issuer's discovery document.",
    is_optional: true,
    max_length: 1_000,
    format: 'uri',
  })
  jwks_uri?: string | null;

  @TextField({ description: 'Client id for sign-in with a browser.', is_optional: true, max_length: 500 })
  client_id?: string | null;

  @TextField({
    description: 'Client secret for sign-in with a browser. Kept sealed and never shown.',
    is_optional: true,
    is_secret: true,
    is_verbatim: true,
    max_length: 2_000,
  })
  client_secret?: string | null;

  @JsonField({
    description: 'Which claims hold `email` and `name`, where they have other names.',
    shape: 'object',
    default: {},
    max_bytes: 2_000,
    example: { email: 'upn' },
  })
  claim_map!: Record<string, string>;

  @ListField(items.object(() => RoleRuleDto), {
    description: 'Roles by claims; the first rule that fits wins, anew with each new token.',
    max_items: 100,
    default: [],
  })
  role_rules!: RoleRuleDto[];

  @ChoiceField(GRANTED_ROLES, { description: 'Role where no rule fits.', default: 'viewer' })
  default_role!: GrantedRole;

  @ChoiceField(['none', 'jit'], { description: 'jit: the first token makes its holder a member.', default: 'none' })
  provisioning!: 'none' | 'jit';

  @BooleanField({ description: 'Accept ID tokens (with a nonce) as credentials.', default: false })
  accepts_id_tokens!: boolean;

  @BooleanField({ description: 'Whether tokens are accepted.', default: true })
  is_enabled!: boolean;
}

export class UpdateSsoConnection extends patchOf(CreateSsoConnection) {}

export class SsoConnectionDto {
  @UuidField({ description: 'Id.' })
  id!: string;

  @TextField({ description: 'Name for people.' })
  name!: string;

  @TextField({ description: 'Exact `iss` of the tokens.' })
  issuer!: string;

  @ListField(items.text(), { description: 'Accepted `aud` values.' })
  audiences!: string[];

  @TextField({ description: 'Claim that names the organization.', is_optional: true })
  organization_claim!: string | null;

  @TextField({ description: 'Value of that claim.', is_optional: true })
  organization_value!: string | null;

  @ListField(items.choice(TOKEN_ALGORITHMS), { description: 'Accepted signatures.' })
  algorithms!: string[];

  @TextField({ description: 'Where the keys are.', is_optional: true })
  jwks_uri!: string | null;

  @TextField({ description: 'Client id.', is_optional: true })
  client_id!: string | null;

  @BooleanField({ description: 'Whether a client secret is kept.' })
  has_client_secret!: boolean;

  @JsonField({ description: 'Which claims hold `email` and `name`.', shape: 'object' })
  claim_map!: Record<string, string>;

  @ListField(items.object(() => RoleRuleDto), { description: 'Roles by claims.' })
  role_rules!: RoleRuleDto[];

  @ChoiceField(GRANTED_ROLES, { description: 'Role where no rule fits.' })
  default_role!: GrantedRole;

  @ChoiceField(['none', 'jit'], { description: 'Whether the first token makes its holder a member.' })
  provisioning!: 'none' | 'jit';

  @BooleanField({ description: 'Whether ID tokens are credentials.' })
  accepts_id_tokens!: boolean;

  @BooleanField({ description: 'Whether tokens are accepted.' })
  is_enabled!: boolean;

  @TimestampField({ description: 'When it was created.' })
  created_at!: string;

  @TimestampField({ description: 'When it was last changed.' })
  updated_at!: string;
}

export class TestSsoConnection {
  @TextField({ description: 'A token of the issuer. It is checked and not kept.', is_secret: true, max_length: 16_384 })
  token!: string;
}

export class TokenCheckDto {
  @TextField({ description: 'What was checked.', example: 'audience' })
  check!: string;

  @BooleanField({ description: 'Whether it passed.' })
  passed!: boolean;

  @TextField({ description: 'What was found.' })
  detail!: string;
}

export class TokenTestDto {
  @BooleanField({ description: 'Whether the token would be accepted.' })
  passed!: boolean;

  @ListField(items.object(() => TokenCheckDto), { description: 'The checks in order, up to the first that fails.' })
  checks!: TokenCheckDto[];
}
