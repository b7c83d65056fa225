import { PERMISSIONS, permissionsOf, type Role, ROLES } from '../../src/contracts/permissions.js';
import { McpOffers } from '../../src/modules/mcp/mcp-offers.js';
import type { ToolOffer } from '../../src/modules/mcp/tool-offer.js';
import { type Json, startTestApp, type TestApp } from '../support/app.js';
import { modernClient } from '../support/mcp-clients.js';

let app: TestApp;
let tools: readonly ToolOffer[];
beforeAll(async () => {
  app = await startTestApp();
  tools = [...app.app.nest.get(McpOffers).tools.values()];
});
afterAll(() => app.close());

const nameOf = ({ listing }: ToolOffer): string => listing.name;
const mayUse = (role: Role, { permissions }: ToolOffer): boolean =>
  permissions.every((permission) => permissionsOf(role).has(permission));

it('every tool needs permissions of the vocabulary, and one that writes needs one that writes', () => {
  const known = new Set<string>(PERMISSIONS);
  const faults = tools.flatMap((tool) => [
    ...tool.permissions.filter((permission) => !known.has(permission)).map((name) => `${nameOf(tool)}: ${name}`),
    ...(!tool.writes || tool.permissions.some((name) => !name.endsWith(':read'))
      ? []
      : [`${nameOf(tool)} writes without a permission to write`]),
  ]);
  expect(faults).toEqual([]);
});

it('the owner may use every tool, and every weaker role fewer or as many as the next', () => {
  const counts = ROLES.map((role) => tools.filter((tool) => mayUse(role, tool)).length);
  expect(counts).toEqual([...counts].sort((one, other) => one - other));
  expect(counts.at(-1)).toBe(tools.length);
  expect(counts[0]).toBeLessThan(tools.length);
});

it.each(ROLES)('shows a %s the tools of the role, and refuses the others by name', async (role) => {
  const client = await modernClient(app.url, (await app.workspace.key(role)).key);
  try {
    const shown = (await client.tools()).map(({ name }) => name as string);
    const allowed = tools.filter((tool) => mayUse(role, tool)).map(nameOf);
    expect(new Set(shown)).toEqual(new Set(allowed));
    for (const tool of tools.filter((candidate) => !allowed.includes(nameOf(candidate)))) {
      const answer: Json = await client.call(nameOf(tool));
      expect([nameOf(tool), answer._meta?.['engawa/problem']?.status]).toEqual([nameOf(tool), 403]);
    }
  } finally {
    await client.close();
  }
});

it('refuses a key whose scopes lack one permission of a tool', async () => {
  for (const tool of tools.filter(({ permissions }) => permissions.length > 0)) {
    const [lacking] = tool.permissions;
    const scopes = PERMISSIONS.filter(
      (permission) => permission !== lacking && permission.split(':')[0] !== lacking?.split(':')[0],
    );
    const client = await modernClient(app.url, (await app.workspace.key('owner', scopes)).key);
    try {
      expect((await client.tools()).map(({ name }) => name)).not.toContain(nameOf(tool));
    } finally {
      await client.close();
    }
  }
});
