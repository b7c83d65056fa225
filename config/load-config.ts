import { readFileSync } from 'node:fs';
import { AppConfig } from './app-config.js';
import { CLIENT_VARIABLES } from './client-settings.js';
import { settingsOf, type SettingSpec } from './setting.js';

/** Everything that is wrong with the environment, each with what would work instead. */
export class ConfigError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      `The settings need ${mistakes.length} correction(s):\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`,
    );
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting from the environment (`X`, or a file named by `X_FILE`).
 * @throws {ConfigError} listing every mistake at once.
 */
export function loadConfig(environment: Environment = process.env): AppConfig {
  const config = new AppConfig();
  const mistakes: string[] = [];
  const known = new Set<string>();
  for (const section of Object.values(config) as object[]) {
    for (const [property, spec] of settingsOf(section.constructor)) {
      known.add(spec.env).add(`${spec.env}_FILE`);
      const text = readRaw(environment, spec, mistakes);
      if (text === undefined || text === '') continue;
      const parsed = parse(text, spec);
      if (typeof parsed === 'object' && 'mistake' in parsed) {
        mistakes.push(`${spec.env}${spec.is_secret ? '' : ` is "${text}"`}: ${parsed.mistake}`);
      } else {
        Reflect.set(section, property, parsed);
      }
    }
    Object.freeze(section);
  }
  for (const name of Object.keys(environment)) {
    if (name.startsWith('ENGAWA_') && !known.has(name) && !CLIENT_VARIABLES.has(name)) {
      mistakes.push(`${name} is no setting of Engawa; see .env.example for the list`);
    }
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return Object.freeze(config);
}

function readRaw(environment: Environment, spec: SettingSpec, mistakes: string[]): string | undefined {
  const direct = environment[spec.env];
  const file = environment[`${spec.env}_FILE`];
  if (file === undefined || file === '') return direct;
  if (direct !== undefined) {
    mistakes.push(`${spec.env} and ${spec.env}_FILE are both set; set one`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch {
    mistakes.push(`${spec.env}_FILE names a file that cannot be read`);
    return undefined;
  }
}

function parse(text: string, spec: SettingSpec): string | number | boolean | string[] | { mistake: string } {
  switch (spec.kind) {
    case 'text':
      return spec.pattern && !spec.pattern.expression.test(text) ? { mistake: spec.pattern.sentence } : text;
    case 'integer': {
      const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = spec;
      const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
      return number >= min && number <= max ? number : { mistake: `use a whole number${rangeOf(spec)}` };
    }
    case 'boolean':
      if (text === 'true' || text === '1') return true;
      return text === 'false' || text === '0' ? false : { mistake: 'use true or false' };
    case 'url':
      return /^https?:\/\/[^\s/]+/.test(text) && URL.canParse(text)
        ? text.replace(/\/+$/, '')
        : { mistake: 'use a URL such as https://engawa.example.com' };
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'choice':
      return spec.choices?.includes(text) ? text : { mistake: `use one of ${spec.choices?.join(', ')}` };
  }
}

function rangeOf({ min, max }: SettingSpec): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  return min === undefined ? '' : ` of at least ${min}`;
}
