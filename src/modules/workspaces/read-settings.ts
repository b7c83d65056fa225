import { isAllowedFrom, isNetwork } from '../../platform/auth/allowed-networks.js';
import type { WorkspaceRow } from '../../platform/auth/workspace-registry.js';
import type { ChosenSettings } from '../../platform/auth/workspace-settings.js';
import type { FieldMistake } from '../../platform/errors/problem.js';
import { parseCurrency } from '../../platform/formats/money.js';
import { isPhoneRegion } from '../../platform/formats/phone.js';
import { SEARCH_LANGUAGES } from '../../platform/search/search-document.js';
import { SETTING_NAMES, type SettingsDto, type WorkspaceDto } from './dto/workspace.dto.js';

type Settings = { -readonly [Name in keyof ChosenSettings]: ChosenSettings[Name] };

/**
 * What a PATCH makes of the settings of a workspace; null brings back the default. Settings that are not named stay.
 * @param ip of the caller, who must not lock themselves out.
 */
export function applySettings(
  before: ChosenSettings,
  patch: SettingsDto,
  ip: string | null,
): { readonly settings: ChosenSettings } | { readonly mistakes: FieldMistake[] } {
  const mistakes: FieldMistake[] = [];
  const settings: Record<string, unknown> = { ...before };
  for (const name of SETTING_NAMES) {
    const value = patch[name];
    if (value === undefined) continue;
    const detail = value === null ? undefined : mistakeOf(name, value, ip);
    if (detail !== undefined) mistakes.push({ pointer: `/settings/${name}`, detail });
    else if (value === null) delete settings[name];
    else settings[name] = name === 'currency' || name === 'default_region' ? String(value).toUpperCase() : value;
  }
  return mistakes.length > 0 ? { mistakes } : { settings: settings as Settings };
}

/** Every setting, null where the workspace has chosen none. */
export function shownSettings(chosen: ChosenSettings): SettingsDto {
  return Object.fromEntries(SETTING_NAMES.map((name) => [name, chosen[name] ?? null]));
}

/** A workspace as callers see it. */
export function shownWorkspace({ id, name, slug, settings, created_at, updated_at }: WorkspaceRow): WorkspaceDto {
  return { id, name, slug, settings: shownSettings(settings), created_at, updated_at };
}

function mistakeOf(name: (typeof SETTING_NAMES)[number], value: unknown, ip: string | null): string | undefined {
  switch (name) {
    case 'time_zone':
      return isTimeZone(String(value)) ? undefined : 'time_zone must be an IANA name such as Europe/Vienna.';
    case 'currency': {
      const currency = parseCurrency(String(value));
      return currency.ok ? undefined : currency.detail;
    }
    case 'default_region':
      return isPhoneRegion(String(value).toUpperCase())
        ? undefined
        : 'default_region must be an ISO 3166 code such as AT.';
    case 'search_language':
      return SEARCH_LANGUAGES.has(String(value))
        ? undefined
        : `search_language must be one of ${[...SEARCH_LANGUAGES].join(', ')}.`;
    case 'strict_attributes':
      return undefined;
    case 'allowed_networks':
      return networksMistake(value as string[], ip);
  }
}

function networksMistake(networks: readonly string[], ip: string | null): string | undefined {
  const wrong = networks.find((network) => !isNetwork(network));
  if (wrong !== undefined) return `"${wrong.slice(0, 50)}" is no network; write one like 203.0.113.0/24.`;
  return isAllowedFrom(networks, ip) ? undefined : 'allowed_networks must hold the address that you call from.';
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
