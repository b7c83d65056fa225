import type {
  Prompt as PromptListing,
  Resource as ResourceListing,
  ResourceTemplateType,
  Tool as ToolListing,
} from '@modelcontextprotocol/server';
import type { Permission } from '../../contracts/permissions.js';
import type { McpOffers } from './mcp-offers.js';

/** What one set of permissions shows, in order of name. */
export interface CallerCatalogue {
  readonly tools: readonly ToolListing[];
  readonly toolNames: readonly string[];
  readonly resources: readonly ResourceListing[];
  readonly templates: readonly ResourceTemplateType[];
  readonly prompts: readonly PromptListing[];
}

export function catalogueOf(offers: McpOffers, permissions: ReadonlySet<Permission>): CallerCatalogue {
  const allowed = <T extends { permissions: readonly Permission[] }>(all: Iterable<T>): T[] =>
    [...all].filter((offer) => holdsAll(permissions, offer.permissions));
  const tools = allowed(offers.tools.values()).map(({ listing }) => listing);
  const resources = allowed(offers.resources.values());
  return deepFreeze({
    tools,
    toolNames: tools.map(({ name }) => name),
    resources: resources.filter(({ template }) => !template).map(({ listing }) => listing as ResourceListing),
    templates: resources.filter(({ template }) => template).map(({ listing }) => listing as ResourceTemplateType),
    prompts: allowed(offers.prompts.values()).map(({ listing }) => listing),
  });
}

export function holdsAll(held: ReadonlySet<Permission>, needed: readonly Permission[]): boolean {
  return needed.every((permission) => held.has(permission));
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value) as unknown[]) {
    if (typeof member === 'object' && member !== null && !Object.isFrozen(member)) deepFreeze(member);
  }
  return Object.freeze(value);
}
