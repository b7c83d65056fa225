import type { Burst } from '../context/principal.js';
import { ChoiceField, IntegerField, items, ListField, ObjectField, TextField, UuidField } from '../http/fields.js';
import { POLICY_NAMES, type PolicyName } from './policy.js';

/** How much of one policy is left to the caller. */
export class StandingDto {
  @ChoiceField(POLICY_NAMES, { description: 'The policy.', example: 'principal' })
  policy!: PolicyName;

  @IntegerField({ description: 'Requests admitted per window.', example: 600 })
  q!: number;

  @IntegerField({ description: 'Length of the window in seconds.', example: 60 })
  w!: number;

  @IntegerField({
    description: 'Permits of the present window that server processes hold or have used.',
    example: 188,
  })
  granted!: number;

  @IntegerField({ description: 'Seconds until the window ends.', example: 23 })
  ends_in_s!: number;
}

/** Where the caller stands. */
export class StandingsDto {
  @ListField(items.object(() => StandingDto), {
    description: 'Every policy that limits the caller; none when nothing does.',
  })
  items!: StandingDto[];
}

/** At most q requests in w seconds. */
export class BurstDto implements Burst {
  @IntegerField({ description: 'Requests admitted per window; 0 for no limit.', min: 0, max: 1_000_000, example: 20 })
  q!: number;

  @IntegerField({ description: 'Length of the window in seconds.', min: 1, max: 10, example: 1 })
  w!: number;
}

/** What `limit.exceeded` tells. */
export class ExceededLimit {
  @UuidField({ description: 'The workspace.' })
  id!: string;

  @ChoiceField(POLICY_NAMES, { description: 'The policy.', example: 'principal' })
  policy!: PolicyName;

  @IntegerField({ description: 'Requests admitted per window.', example: 600 })
  limit!: number;

  @IntegerField({ description: 'Length of the window in seconds.', example: 60 })
  window_s!: number;

  @TextField({ description: 'The key or person that was refused.', is_optional: true })
  principal_id!: string | null;
}

/** Limits that a workspace sets for its own callers. */
export class WorkspaceLimitsDto {
  @IntegerField({
    description:
      "Requests a minute of each key and person that has no limit of its own; null for the installation's. Up to the operator's maximum.",
    is_optional: true,
    min: 0,
    max: 1_000_000,
    example: 300,
  })
  principal_per_minute?: number | null;

  @ObjectField(() => BurstDto, {
    description: 'A second, short window for each key and person; null for none.',
    is_optional: true,
  })
  burst?: BurstDto | null;
}
