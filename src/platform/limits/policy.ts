export const POLICY_NAMES = ['principal', 'burst', 'workspace', 'account', 'address', 'hook'] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

/** `q` requests per window of `w` seconds for one subject. */
export interface Policy {
  readonly name: PolicyName;
  /** Whole number; 0 means no limit. */
  readonly q: number;
  /** Whole seconds, at least 1. */
  readonly w: number;
  /** Principal id, workspace id, e-mail, address (see addressSubject) or token. Kept only as a hash outside the process. */
  readonly subject: string;
}

/** Headers of every limited answer, by lower-case name; empty when no policy limits the caller. */
export type RateHeaders = Readonly<Record<string, string>>;

/** Where a subject stands in the present window, in all processes together. */
export interface Standing {
  readonly policy: PolicyName;
  readonly q: number;
  readonly w: number;
  /** Permits handed to processes, of which some may not be used yet. */
  readonly granted: number;
  readonly ends_in_s: number;
}
