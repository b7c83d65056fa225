import 'reflect-metadata';

/** How one environment variable is read. `describe` becomes the comment in `.env.example`. */
export interface SettingSpec {
  readonly env: string;
  readonly kind: 'text' | 'integer' | 'boolean' | 'url' | 'list' | 'choice';
  readonly describe: string;
  /** Never printed, logged or put into an error. */
  readonly is_secret?: boolean;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Must match, for text settings. The sentence says what would. */
  readonly pattern?: { readonly expression: RegExp; readonly sentence: string };
}

const settingsKey = Symbol('settings');

/** Marks a property of a configuration class as one setting; its initial value is the default. */
export function Setting(spec: SettingSpec): PropertyDecorator {
  return (target, property) => {
    const known = settingsOf(target.constructor);
    Reflect.defineMetadata(settingsKey, new Map([...known, [String(property), spec]]), target.constructor);
  };
}

/** The settings of a configuration class, by property name, in order of declaration. */
export function settingsOf(section: object): ReadonlyMap<string, SettingSpec> {
  return (Reflect.getMetadata(settingsKey, section) as Map<string, SettingSpec> | undefined) ?? new Map();
}
