import type { Diagnostic } from './diagnostics.js';
import type { AddressPart, ChannelKind, Entity, FieldName } from './targets.js';

/** A text on its way to a field, with the column it came from. */
export interface RawText {
  readonly text: string;
  readonly column: string;
}

/** A channel as the source has it: one or more values, or the parts of a postal address. */
export interface RawChannel {
  readonly kind: ChannelKind;
  /** Order within the kind; the first is the primary one. */
  readonly place: number;
  readonly values: RawText[];
  readonly parts: Partial<Record<AddressPart, RawText>>;
  /** As the source says it. */
  label?: string;
  /** When the source says nothing. */
  label_by_column?: string;
}

/** A custom field. `date` is the pattern to read it by. */
export interface RawAttribute {
  readonly name: string;
  readonly value: string | readonly string[];
  readonly column: string;
  readonly date?: string;
}

/**
 * A record with every text at its target and nothing interpreted yet: where all formats meet. CSV and JSON come here
 * through a mapping, a vCard through the rules for its properties.
 */
export interface RawCandidate {
  readonly row: number;
  readonly line: number;
  readonly entity: Entity;
  readonly fields: Map<FieldName, RawText>;
  readonly channels: RawChannel[];
  readonly company: { name?: RawText; domain?: RawText };
  readonly tags: RawText[];
  readonly attributes: RawAttribute[];
  /** Properties of a vCard that have no field of their own, by name; kept as `attributes.vcard`. */
  readonly vcard?: Readonly<Record<string, readonly string[]>>;
  /** What the reader and the mapping said; an error means that the record must not be written. */
  readonly diagnostics: Diagnostic[];
}

/** A candidate that nothing has been put into. */
export function emptyCandidate(
  entity: Entity,
  row: number,
  line: number,
  diagnostics: readonly Diagnostic[],
): RawCandidate {
  return {
    row,
    line,
    entity,
    fields: new Map(),
    channels: [],
    company: {},
    tags: [],
    attributes: [],
    diagnostics: [...diagnostics],
  };
}

/** The channel at a place of its kind, made when there is none. */
export function channelAt(candidate: RawCandidate, kind: ChannelKind, place: number): RawChannel {
  for (const channel of candidate.channels) if (channel.kind === kind && channel.place === place) return channel;
  const channel: RawChannel = { kind, place, values: [], parts: {} };
  candidate.channels.push(channel);
  return channel;
}
