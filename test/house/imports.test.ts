import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { PlantedTree, projectRoot, runChecker } from './planted-tree.js';

interface Violation {
  rule: { name: string };
  from: string;
  to: string;
}

async function violationsIn(root: string): Promise<Violation[]> {
  const output = await runChecker(
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ['--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json', 'config', 'src', 'migrations'],
    root,
  );
  return (JSON.parse(output) as { summary: { violations: Violation[] } }).summary.violations;
}

const shown = ({ rule, from, to }: Violation): string => `${rule.name}: ${from} -> ${to}`;

/** Rule -> the file that breaks it -> what that file holds. */
const offenders: Record<string, [path: string, content: string]> = {
  'no-cycles': ['src/platform/jobs/jobs.ts', "import './lease.js';"],
  'every-import-resolves': ['src/platform/jobs/missing.ts', "import './nowhere.js';"],
  'contracts-import-nothing': ['src/contracts/events.ts', "import { inspect } from 'node:util';\nexport { inspect };"],
  'config-imports-nothing-above': ['config/app-config.ts', "import '../src/platform/innocent.js';"],
  'migrations-stand-alone': ['migrations/0001-first.ts', "import '../src/platform/innocent.js';"],
  'migrations-are-run-by-the-database-room': [
    'src/platform/jobs/migrating.ts',
    "import '../../../migrations/0000-none.js';",
  ],
  'platform-knows-no-module': ['src/platform/jobs/merging.ts', "import '../../modules/contacts/index.js';"],
  'modules-know-no-process': ['src/modules/contacts/looking-up.ts', "import '../../app.module.js';"],
  'rooms-have-one-door': ['src/cli.ts', "import './modules/contacts/contacts.service.js';"],
  'rooms-have-one-door-between-modules': [
    'src/modules/deals/deals.service.ts',
    "import '../contacts/contacts.service.js';",
  ],
  'controllers-ask-services': ['src/modules/contacts/contacts.controller.ts', "import './contacts.repository.js';"],
  'typeorm-stays-downstairs': [
    'src/modules/contacts/querying.ts',
    "import type { Client } from 'pg';\nexport type C = Client;",
  ],
  'typeorm-is-wired-in-modules': ['src/modules/contacts/injecting.ts', "import '@nestjs/typeorm';"],
  'system-door-is-guarded': ['src/modules/contacts/peeping.ts', "import '../../platform/database/system-database.js';"],
  'system-door-has-no-side-entrance': ['src/platform/database/index.ts', "export * from './system-database.js';"],
  'event-emitter-only-in-platform-events': ['src/platform/jobs/emitting.ts', "import '@nestjs/event-emitter';"],
  'mcp-sdk-only-in-mcp': ['src/modules/contacts/contacts.tools.ts', "import '@modelcontextprotocol/server';"],
  'mcp-v1-sdk-is-the-referee': ['src/modules/mcp/legacy.ts', "import '@modelcontextprotocol/sdk/client/index.js';"],
  'http-clients-only-in-outbound': ['src/platform/jobs/calling.ts', "await import('undici');"],
  'production-uses-production-packages': ['src/platform/jobs/checking.ts', "import 'fast-check';"],
  'production-knows-no-test': ['src/platform/jobs/testing.ts', "import './lease.spec.js';"],
  'declared-edges': ['src/modules/mcp/catalogue.ts', "import '../contacts/index.js';"],
};

/** What the rules must leave alone; the offenders lean on some of these files. */
const innocents: Record<string, string> = {
  'migrations/0000-none.ts': 'export const none = 0;',
  'config/data-source.ts': "import '../migrations/0000-none.js';\nimport 'typeorm';",
  'src/app.module.ts': "import './modules/contacts/contacts.module.js';",
  'src/platform/innocent.ts': "import '../../config/data-source.js';",
  'src/platform/database/system-database.ts': "import 'pg';\nexport const system = 1;",
  'src/platform/events/live-signals.ts': "import '@nestjs/event-emitter';",
  'src/platform/outbound/outbound.ts': "import 'undici';",
  'src/platform/jobs/lease.ts': "import './jobs.js';",
  'src/platform/jobs/lease.spec.ts': "import 'fast-check';",
  'src/modules/outsider/index.ts': 'export const outsider = 1;',
  'src/modules/mcp/index.ts': "import '@modelcontextprotocol/server';",
  'src/modules/workspaces/workspaces.repository.ts': "import '../../platform/database/system-database.js';",
  'src/modules/contacts/index.ts': "export * from './contacts.service.js';",
  'src/modules/contacts/contacts.module.ts': "import '@nestjs/typeorm';\nimport './contacts.service.js';",
  'src/modules/contacts/contacts.service.ts': "import './contacts.repository.js';\nimport '../mcp/index.js';",
  'src/modules/contacts/contacts.repository.ts':
    "import type { Request } from 'express';\nimport 'typeorm';\nexport type R = Request;",
  'src/modules/contacts/merge-references.registry.ts': 'export const mergeReferences = 1;',
  'src/modules/files/files.module.ts': "import '../contacts/merge-references.registry.js';",
  'src/modules/deals/deal.ts': "import '../contacts/index.js';",
};

/** A declared module may still not ask one that it does not declare: an offender for each line of the table. */
const edgeOffender = (rule: string): [string, string] => {
  const name = rule.replace('declared-edges-of-', '');
  return [`src/modules/${name}/straying.ts`, "import '../outsider/index.js';"];
};

describe('the direction of imports', () => {
  let ruleNames: string[];
  let planted: PlantedTree;
  let violations: Violation[];

  beforeAll(async () => {
    const configuration = pathToFileURL(join(projectRoot, '.dependency-cruiser.mjs')).href;
    const { default: config } = (await import(configuration)) as { default: { forbidden: { name: string }[] } };
    ruleNames = config.forbidden.map((rule) => rule.name);
    for (const name of ruleNames.filter((rule) => rule.startsWith('declared-edges-of-')))
      offenders[name] = edgeOffender(name);
    planted = await PlantedTree.plant({ ...innocents, ...Object.fromEntries(Object.values(offenders)) }, [
      'package.json',
      'tsconfig.json',
      '.dependency-cruiser.mjs',
    ]);
    violations = await violationsIn(planted.root);
  });

  afterAll(async () => {
    await planted.remove();
  });

  it('holds in this tree', async () => {
    expect((await violationsIn(projectRoot)).map(shown)).toEqual([]);
  });

  it('is guarded by rules that each fire on an offender', () => {
    const silent = ruleNames.filter((name) => {
      const path = offenders[name]?.[0];
      return !violations.some((violation) => violation.rule.name === name && violation.from === path);
    });
    expect(silent).toEqual([]);
  });

  it('is guarded by rules that leave what is allowed alone', () => {
    // the other half of the planted cycle, and the module that the planted entrance of the database room belongs to
    const partners = ['src/platform/jobs/lease.ts'];
    const wronged = violations.filter((violation) => violation.from in innocents && !partners.includes(violation.from));
    expect(wronged.map(shown)).toEqual([]);
  });
});
