import { diagnose, WHOLE_SOURCE, type Diagnostic } from './diagnostics.js';
import { findAlias, headerKey, type AliasMatch } from './header-aliases.js';
import type { ColumnRule, Mapping } from './mapping.js';
import { nearestName } from '../../../platform/errors/nearest-name.js';
import { parseTarget, targetName, type Entity, type Target } from './targets.js';

/*
 * What each column of a source becomes. The given mapping decides the columns it names; the others go by their names:
 * a name that is a target means itself, and the alias table knows what the common exporters write. The plan is made once
 * for a set of columns, so that a row costs no look-up; what it has to say, it says once for the run, not for each row.
 */

/** What a column was found to be; what `preview` shows and a person corrects. */
export interface ColumnProposal {
  readonly column: string;
  /** The target's name, or null when the column is not read. */
  readonly target: string | null;
  /** 0..1; 1 for what the mapping says. */
  readonly confidence: number;
  readonly by: 'mapping' | 'name' | 'alias' | 'none';
  readonly label?: string;
}

/** How the records of one set of columns are mapped. */
export interface ColumnPlan {
  readonly entity: Entity;
  readonly columns: readonly string[];
  /** One for each column; null for a column that is not read. */
  readonly rules: readonly (ColumnRule | null)[];
  /** Columns that the mapping names with a default and the source lacks: the same value for each record. */
  readonly constants: readonly { readonly column: string; readonly rule: ColumnRule }[];
  readonly proposals: readonly ColumnProposal[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Options of {@link planColumns}. */
export interface PlanOptions {
  /** Decides when neither the request nor the mapping does; else the columns do. */
  readonly entity?: Entity;
  /** The column whose cells are the external id. */
  readonly external_id?: string;
}

interface Found {
  readonly column: string;
  rule: ColumnRule | null;
  confidence: number;
  by: ColumnProposal['by'];
  alias?: AliasMatch;
}

/** Plans the columns of a source. */
export function planColumns(columns: readonly string[], mapping?: Mapping, options: PlanOptions = {}): ColumnPlan {
  const entity = mapping?.entity ?? options.entity ?? guessEntity(columns);
  const diagnostics: Diagnostic[] = [];
  const named = matchNames(columns, mapping, diagnostics);
  if (options.external_id !== undefined && !columns.includes(options.external_id)) {
    const message = 'the source has no such column; external ids were not taken';
    diagnostics.push(diagnose(WHOLE_SOURCE, 'warning', 'column-missing', message, { column: options.external_id }));
  }
  const found = columns.map((column): Found => {
    const rule = named.rules.get(column);
    if (rule !== undefined) return { column, rule, confidence: 1, by: 'mapping' };
    if (options.external_id === column) {
      return { column, rule: { target: { kind: 'field', name: 'external_id' } }, confidence: 1, by: 'mapping' };
    }
    if (mapping?.is_strict === true) return { column, rule: null, confidence: 0, by: 'none' };
    const itself = parseTarget(column, entity);
    if (itself.ok) return { column, rule: { target: itself.target }, confidence: 1, by: 'name' };
    const alias = findAlias(entity, column);
    return alias === undefined
      ? { column, rule: null, confidence: 0, by: 'none' }
      : { column, rule: null, confidence: alias.confidence, by: 'alias', alias };
  });
  resolveAliases(found, entity);

  for (const { column, rule, by, confidence } of found) {
    if (rule?.target.kind === 'waiting') {
      const { name, room } = rule.target;
      const message = `${name} waits for the room of ${room}; the column was not mapped`;
      diagnostics.push(diagnose(WHOLE_SOURCE, 'info', 'column-waits', message, { column, field: name }));
    } else if (rule === null && by !== 'mapping') {
      const message =
        confidence > 0
          ? 'another column means the same for sure; this one was not mapped'
          : `no target is known; {${JSON.stringify(column)}: "attributes.name"} in the mapping would keep it`;
      diagnostics.push(diagnose(WHOLE_SOURCE, 'info', 'column-not-mapped', message, { column }));
    }
  }
  return {
    entity,
    columns,
    rules: found.map(({ rule }) => (rule?.target.kind === 'waiting' ? null : rule)),
    constants: named.constants,
    proposals: found.map(({ column, rule, confidence, by }) => ({
      column,
      target: rule === null || rule.target.kind === 'waiting' ? null : targetName(rule.target),
      confidence: rule === null && by !== 'mapping' ? 0 : confidence,
      by: rule === null && by !== 'mapping' ? 'none' : by,
      ...(rule?.label === undefined ? {} : { label: rule.label }),
    })),
    diagnostics,
  };
}

/** Finds the column that each name of the mapping means: exactly, or by its letters and digits when only one has them. */
function matchNames(
  columns: readonly string[],
  mapping: Mapping | undefined,
  diagnostics: Diagnostic[],
): { rules: Map<string, ColumnRule | null>; constants: { column: string; rule: ColumnRule }[] } {
  const rules = new Map<string, ColumnRule | null>();
  const constants: { column: string; rule: ColumnRule }[] = [];
  for (const [name, rule] of mapping?.columns ?? []) {
    const alike = columns.includes(name) ? [name] : columns.filter((column) => headerKey(column) === headerKey(name));
    const column = alike.length === 1 ? alike[0] : undefined;
    if (column !== undefined) {
      if (column === name || !rules.has(column)) rules.set(column, rule);
    } else if (rule?.default !== undefined) {
      constants.push({ column: name, rule });
    } else {
      const near = nearestName(name, columns);
      const message = `the source has no such column${near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`}`;
      diagnostics.push(diagnose(WHOLE_SOURCE, 'warning', 'column-missing', message, { column: name }));
    }
  }
  return { rules, constants };
}

/** Gives aliases their places in the lists, and lets weak ones give way to what is sure. */
function resolveAliases(found: readonly Found[], entity: Entity): void {
  const taken = new Set(found.flatMap(({ rule }) => (rule === null ? [] : [placeOf(rule.target)])));
  const sure = new Set(found.flatMap(({ rule }) => (rule === null ? [] : [targetName(rule.target)])));
  for (const { alias } of found) {
    if (alias === undefined || alias.to.endsWith('[]')) continue;
    const parsed = parseTarget(alias.to, entity);
    if (!parsed.ok) continue;
    taken.add(placeOf(parsed.target));
    if (alias.confidence > 0.8) sure.add(alias.to);
  }
  const byRank = found.flatMap((column) => (column.alias === undefined ? [] : [{ column, alias: column.alias }]));
  byRank.sort((a, b) => a.alias.rank - b.alias.rank);
  for (const { column, alias } of byRank) {
    const { to, label, confidence } = alias;
    if (confidence <= 0.8 && sure.has(to)) continue;
    let name = to;
    if (to.endsWith('[]')) {
      let place = 1;
      while (taken.has(`${to.slice(0, -2)}[${place}]`)) place++;
      taken.add(`${to.slice(0, -2)}[${place}]`);
      name = `${to.slice(0, -2)}[${place}].value`;
    }
    const parsed = parseTarget(name, entity);
    if (parsed.ok) column.rule = label === undefined ? { target: parsed.target } : { target: parsed.target, label };
  }
}

function placeOf(target: Target): string {
  return target.kind === 'channel' ? targetName(target).replace(/\..*$/, '') : targetName(target);
}

/** A list of companies says nothing about persons. */
function guessEntity(columns: readonly string[]): Entity {
  const isPerson = columns.some((column) => {
    const to = findAlias('contact', column)?.to ?? '';
    return /^(?:first_name|last_name|emails)/.test(to);
  });
  if (isPerson) return 'contact';
  const company = new Set(columns.flatMap((column) => findAlias('company', column)?.to ?? []));
  const isTelling = ['domain', 'industry', 'employee_count', 'annual_revenue'].some((name) => company.has(name));
  return company.has('name') && isTelling ? 'company' : 'contact';
}
