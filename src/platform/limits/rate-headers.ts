import type { Policy, PolicyName, RateHeaders } from './policy.js';

export const NO_HEADERS: RateHeaders = Object.freeze({});

const MAX_TEXTS = 2_000;
const itemTexts = new Map<PolicyName, Map<number, string>>();
let texts = 0;

/**
 * `RateLimit-Policy` names every policy, `RateLimit` the tightest (draft-ietf-httpapi-ratelimit-headers-10, lists of
 * RFC 9651 with string items and integer parameters).
 * @param left permits of the tightest policy, an upper estimate.
 */
export function rateHeaders(
  policies: readonly Policy[],
  tightest: Policy,
  left: number,
  endsInMs: number,
): RateHeaders {
  let list = '';
  for (const policy of policies) {
    if (policy.q === 0) continue;
    list = list === '' ? itemText(policy) : `${list}, ${itemText(policy)}`;
  }
  const seconds = Math.max(1, Math.ceil(endsInMs / 1_000));
  return { 'ratelimit-policy': list, ratelimit: `"${tightest.name}";r=${left};t=${seconds}` };
}

/** Most callers share a few limits, so the texts are kept. */
function itemText({ name, q, w }: Policy): string {
  let ofName = itemTexts.get(name);
  if (!ofName) itemTexts.set(name, (ofName = new Map<number, string>()));
  const key = q * 65_536 + w;
  const known = ofName.get(key);
  if (known !== undefined && w < 65_536) return known;
  const text = `"${name}";q=${q};w=${w}`;
  if (++texts > MAX_TEXTS) {
    itemTexts.clear();
    texts = 0;
  } else {
    ofName.set(key, text);
  }
  return text;
}
