import fc from 'fast-check';
import { POLICY_NAMES } from './policy.js';
import { rateHeaders } from './rate-headers.js';

/** A list of RFC 9651 as far as these headers use it: string items with integer parameters. */
function parseList(text: string): { name: string; parameters: Record<string, number> }[] {
  return text.split(/, */).map((member) => {
    const match = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"((?:;[a-z*][a-z0-9_.*-]*=-?\d{1,15})*)$/.exec(member);
    if (!match) throw new Error(`no item of a structured list: ${member}`);
    const parameters = [...(match[2] ?? '').matchAll(/;([^=]+)=(-?\d+)/g)].map(([, key, value]) => [
      key,
      Number(value),
    ]);
    return { name: match[1] ?? '', parameters: Object.fromEntries(parameters) as Record<string, number> };
  });
}

it('reads back as structured fields', () => {
  const policy = fc.record({
    name: fc.constantFrom(...POLICY_NAMES),
    q: fc.integer({ min: 1, max: 2_147_483_647 }),
    w: fc.integer({ min: 1, max: 2_678_400 }),
    subject: fc.constant('s'),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(policy, { minLength: 1, maxLength: 5, selector: ({ name }) => name }),
      fc.nat(),
      fc.nat(60_000),
      (policies, left, endsInMs) => {
        const headers = rateHeaders(policies, policies[0]!, left, endsInMs);
        expect(parseList(headers['ratelimit-policy'] ?? '')).toEqual(
          policies.map(({ name, q, w }) => ({ name, parameters: { q, w } })),
        );
        const t = Math.max(1, Math.ceil(endsInMs / 1_000));
        expect(parseList(headers['ratelimit'] ?? '')).toEqual([
          { name: policies[0]?.name, parameters: { r: left, t } },
        ]);
      },
    ),
  );
});

it('leaves out policies without a limit', () => {
  const policy = { name: 'principal', q: 600, w: 60, subject: 's' } as const;
  const headers = rateHeaders([{ ...policy, name: 'burst', q: 0 }, policy], policy, 412, 22_001);
  expect(headers).toEqual({ 'ratelimit-policy': '"principal";q=600;w=60', ratelimit: '"principal";r=412;t=23' });
});
