import { AppConfig } from './app-config.js';
import { settingsOf } from './setting.js';

/** The text of `.env.example`: every setting, its meaning and its default. */
export function renderEnvironmentExample(): string {
  const lines = ['# Every setting of Engawa. X can also be given as X_FILE, the name of a file that holds the value.'];
  for (const [name, section] of Object.entries(new AppConfig()) as [string, object][]) {
    lines.push('', `# --- ${name} ---`);
    for (const [property, spec] of settingsOf(section.constructor)) {
      const value: unknown = Reflect.get(section, property);
      const text = Array.isArray(value) ? value.join(',') : String(value);
      const choices = spec.choices ? ` One of ${spec.choices.join(', ')}.` : '';
      lines.push(`# ${spec.describe}${choices}${spec.is_secret ? ' (secret)' : ''}`, `# ${spec.env}=${text}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
