import fc from 'fast-check';
import { GRANTED_ROLES, roleByRules, type RoleRule } from './role-rules.js';

const rules: RoleRule[] = [
  { claim: 'groups', contains: 'it', role: 'admin' },
  { claim: 'dep', equals: '7', role: 'member' },
];

describe('roleByRules', () => {
  it('gives the role of the first rule that fits, else the default', () => {
    expect(roleByRules(rules, 'viewer', { groups: ['hr', 'it'], dep: 7 })).toBe('admin');
    expect(roleByRules(rules, 'viewer', { groups: 'hr it' })).toBe('admin');
    expect(roleByRules(rules, 'viewer', { groups: 'hrit', dep: '7' })).toBe('member');
    expect(roleByRules(rules, 'viewer', { groups: { it: true }, dep: [7] })).toBe('viewer');
    expect(roleByRules([{ claim: 'toString', contains: 'x', role: 'admin' }], 'viewer', {})).toBe('viewer');
  });

  it('never makes an owner, whatever a stored rule and a token say', () => {
    const anyRule = fc.record({
      claim: fc.constantFrom('a', 'b'),
      contains: fc.string(),
      role: fc.constantFrom('owner', 'admin'),
    });
    fc.assert(
      fc.property(fc.array(anyRule), fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue()), (some, claims) => {
        expect(GRANTED_ROLES).toContain(roleByRules(some as RoleRule[], 'viewer', claims));
      }),
    );
  });
});
