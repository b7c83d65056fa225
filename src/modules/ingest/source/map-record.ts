import { diagnose } from './diagnostics.js';
import type { ColumnRule } from './mapping.js';
import type { ColumnPlan } from './plan-columns.js';
import { channelAt, emptyCandidate, type RawCandidate, type RawText } from './raw-candidate.js';
import type { CellValue, SourceRecord } from './source-record.js';
import { targetName } from './targets.js';

/** Google writes several values of one cell like this. */
const SEVERAL = ' ::: ';
/** Spreadsheets put an apostrophe before what they would take for a formula. */
const GUARDED = /^'[=+\-@]/;
const STARRED = '* ';

/** Puts each cell of a record at the target that the plan says. `plan` must have been made for the record's columns. */
export function mapRecord(record: SourceRecord, plan: ColumnPlan): RawCandidate {
  const candidate = emptyCandidate(plan.entity, record.row, record.line, record.diagnostics);
  for (const [index, column] of plan.columns.entries()) {
    const rule = plan.rules[index];
    const cell = record.cells[index];
    if (rule === null || rule === undefined || (cell === '' && rule.default === undefined)) continue;
    place(candidate, rule, column, valuesOf(cell ?? '', rule));
  }
  for (const { column, rule } of plan.constants) place(candidate, rule, column, valuesOf('', rule));
  return candidate;
}

/** The values of a cell: several where it holds several, none where it means "nothing". */
function valuesOf(cell: CellValue, rule: ColumnRule): string[] {
  const given = typeof cell === 'string' ? [cell] : cell;
  const values: string[] = [];
  for (const text of given) {
    for (const part of partsOf(text, rule)) {
      const value = part.trim();
      if (value === '' || value === '0/0/00' || rule.ignore_if?.has(value.toLowerCase()) === true) continue;
      const bare = GUARDED.test(value) ? value.slice(1) : value;
      values.push(rule.map?.get(bare.toLowerCase()) ?? bare);
    }
  }
  if (values.length === 0 && rule.default !== undefined) values.push(rule.default);
  return values;
}

function partsOf(text: string, rule: ColumnRule): string[] {
  if (rule.ignore_if?.has(text.trim().toLowerCase()) === true) return [];
  if (rule.split !== undefined) return text.split(rule.split);
  return text.includes(SEVERAL) ? text.split(SEVERAL) : [text];
}

function place(candidate: RawCandidate, rule: ColumnRule, column: string, values: readonly string[]): void {
  const first = values[0];
  if (first === undefined) return;
  const { target } = rule;
  switch (target.kind) {
    case 'field':
      if (candidate.fields.has(target.name)) return;
      candidate.fields.set(target.name, single(candidate, rule, column, values, first));
      return;
    case 'company':
      candidate.company[target.part] ??= single(candidate, rule, column, values, first);
      return;
    case 'tags':
      for (const text of values) candidate.tags.push({ text: withoutStar(text), column });
      return;
    case 'attribute': {
      const value = values.length === 1 ? first : values;
      const attribute = { name: target.name, value, column };
      candidate.attributes.push(rule.date === undefined ? attribute : { ...attribute, date: rule.date });
      return;
    }
    case 'channel': {
      const channel = channelAt(candidate, target.channel, target.place);
      if (rule.label !== undefined) channel.label_by_column ??= rule.label;
      if (target.part === 'label') channel.label ??= withoutStar(first);
      else if (target.part === 'value') for (const text of values) channel.values.push({ text, column });
      else channel.parts[target.part] ??= { text: values.join(', '), column };
      return;
    }
    case 'waiting':
      return;
  }
}

function single(
  candidate: RawCandidate,
  rule: ColumnRule,
  column: string,
  values: readonly string[],
  first: string,
): RawText {
  if (values.length > 1) {
    const message = `${values.length} values where one fits; the first was taken`;
    const about = { column, field: targetName(rule.target), value: values.join(SEVERAL) };
    candidate.diagnostics.push(diagnose(candidate, 'warning', 'extra-values', message, about));
  }
  return { text: first, column };
}

function withoutStar(text: string): string {
  return text.startsWith(STARRED) ? text.slice(STARRED.length).trim() : text;
}
