import { items, JsonField, ListField, TextField, UuidField } from '../../../platform/http/fields.js';
import { LONGEST_TAG, MOST_TAGS } from '../../../platform/formats/tags.js';

/** What every record can be given. */
export class RecordFields {
  @TextField({
    description: 'The id of the record in another system; unique in the workspace.',
    max_length: 255,
    is_optional: true,
    example: 'crm-4711',
  })
  external_id?: string | null;

  @UuidField({ description: 'The member who looks after the record.', is_optional: true })
  owner_user_id?: string | null;

  @ListField(items.text({ max_length: 4 * LONGEST_TAG }), {
    description: `Tags, at most ${MOST_TAGS} of ${LONGEST_TAG} characters; spellings that differ only in case are one.`,
    is_optional: true,
    max_items: 1_000,
    example: ['vip'],
  })
  tags?: string[] | null;

  @JsonField({
    description: 'Custom fields; a null removes one.',
    shape: 'object',
    is_optional: true,
    example: { seats: 5 },
  })
  attributes?: Record<string, unknown> | null;
}
