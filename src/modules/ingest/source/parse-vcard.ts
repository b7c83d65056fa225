import { diagnose, type Diagnostic } from './diagnostics.js';
import { ContentLines, type ContentLine } from './vcard-lines.js';
import { parseProperty, type VcardProperty } from './vcard-property.js';

/*
 * vCard 2.1, 3.0 and 4.0 as telephones and mail programs write them, which is seldom as the standards say. One tolerant
 * grammar reads all versions (the version may come late, be missing, or be wrong), in four steps: lines are unfolded as
 * octets, content lines are taken apart, values are decoded, cards are put together. Nothing throws, nothing is unbounded.
 */

/** A card with its properties in order. */
export interface Vcard {
  /** 1-based number among the outer cards of the source. */
  readonly row: number;
  readonly line: number;
  readonly properties: readonly VcardProperty[];
  /** Cards inside the card (AGENT); they are no persons of their own. */
  readonly nested: readonly Vcard[];
  readonly diagnostics: readonly Diagnostic[];
}

interface OpenCard {
  row: number;
  line: number;
  properties: VcardProperty[];
  nested: OpenCard[];
  diagnostics: Diagnostic[];
  chars: number;
}

const MAX_PROPERTIES = 2000;
const MAX_CARD_CHARS = 16 * 1024 * 1024;
const MAX_DEPTH = 4;
const MAX_CARD_DIAGNOSTICS = 50;
const EDGE = /^[ \t]*(?:[A-Za-z0-9-]+\.)?(BEGIN|END)[ \t]*:[ \t]*VCARD[ \t]*$/i;

/** Turns octets (one character each, latin1) into cards, whatever chunks they come in. */
export class VcardParser {
  private readonly lines = new ContentLines();
  private readonly open: OpenCard[] = [];
  private row = 0;

  /** The outer cards that are complete with this chunk. */
  push(octets: string): Vcard[] {
    return this.cardsOf(this.lines.push(octets));
  }

  /** The cards that the end of the source completes. */
  end(): Vcard[] {
    const cards = this.cardsOf(this.lines.end());
    while (this.open.length > 0) this.closeUnended(cards);
    return cards;
  }

  private cardsOf(lines: readonly ContentLine[]): Vcard[] {
    const cards: Vcard[] = [];
    for (const line of lines) this.take(line, cards);
    return cards;
  }

  private take({ text, line, is_cut: isCut }: ContentLine, cards: Vcard[]): void {
    const first = text.charCodeAt(0);
    // B, E, a blank, or a group: what can begin an edge of a card
    const edge =
      text.length < 100 && (first < 0x47 || first > 0x60 || text.includes('.')) ? EDGE.exec(text)?.[1] : undefined;
    if (edge !== undefined) {
      if (edge.toUpperCase() === 'END') this.close(cards);
      else this.begin(line, cards);
      return;
    }
    const card = this.open.at(-1);
    if (card === undefined) return;
    const place = { row: card.row, line };
    const say = (
      code: 'file-too-large' | 'line-without-colon' | 'record-too-large',
      message: string,
      value?: string,
    ): void => {
      if (card.diagnostics.length >= MAX_CARD_DIAGNOSTICS) return;
      card.diagnostics.push(diagnose(place, 'warning', code, message, value === undefined ? {} : { value }));
    };
    if (isCut) return say('file-too-large', 'the property has more than 12 MiB and was dropped', text.slice(0, 100));
    const property = parseProperty(text, line);
    if (property === null)
      return say('line-without-colon', 'the line has no colon and was skipped', text.slice(0, 100));
    if (property.name === 'AGENT' && /^[ \t]*BEGIN[ \t]*:[ \t]*VCARD[ \t]*$/i.test(property.value)) {
      card.properties.push({ ...property, value: '' });
      this.begin(line, cards);
      return;
    }
    card.chars += text.length;
    if (card.properties.length >= MAX_PROPERTIES || card.chars > MAX_CARD_CHARS) {
      const message = `a card has at most ${MAX_PROPERTIES} properties and 16 MiB; the rest was dropped`;
      if (!card.diagnostics.some(({ code }) => code === 'record-too-large')) say('record-too-large', message);
      return;
    }
    card.properties.push(property);
  }

  private begin(line: number, cards: Vcard[]): void {
    const outer = this.open.at(-1);
    const last = outer?.properties.at(-1);
    const isNested = last?.name === 'AGENT' && last.value.trim() === '' && this.open.length < MAX_DEPTH;
    if (outer !== undefined && !isNested) while (this.open.length > 0) this.closeUnended(cards);
    const row = isNested ? this.row : ++this.row;
    this.open.push({ row, line, properties: [], nested: [], diagnostics: [], chars: 0 });
  }

  private close(cards: Vcard[]): void {
    const card = this.open.pop();
    if (card === undefined) return;
    const outer = this.open.at(-1);
    if (outer === undefined) cards.push(card);
    else outer.nested.push(card);
  }

  private closeUnended(cards: Vcard[]): void {
    const card = this.open.at(-1);
    if (card !== undefined) {
      const message = 'the card has no END line; it ends where the next one begins, or with the source';
      card.diagnostics.push(diagnose({ row: card.row, line: card.line }, 'warning', 'card-not-ended', message));
    }
    this.close(cards);
  }
}

/** Reads vCards from bytes in one of the charsets they come in; UTF-16 must have been decoded before. */
export async function* readVcards(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Vcard, void, undefined> {
  const parser = new VcardParser();
  for await (const chunk of bytes) {
    yield* parser.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1'));
  }
  yield* parser.end();
}
