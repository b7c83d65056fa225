/**
 * The direction of imports: what the rooms of this house may know of one another.
 *
 *   config, contracts  <-  platform  <-  modules  <-  app.module, main, cli
 *   migrations stand alone; test and bench may import anything and are not looked at.
 *
 * Run with `npm run imports`. `test/house/imports.test.ts` plants one offender per rule and sees each rule fire.
 * The comment of a rule says what to do instead.
 */

/**
 * Which module may ask which other module (inject the service that its `index.ts` exports). Adding an edge is reviewed
 * like a schema change: prefer telling (publish an event that the other consumes) and being asked (a registry).
 */
const declaredEdges = {
  activities: ['contacts', 'custom-fields'],
  agents: ['workflows'],
  chunks: ['contacts', 'custom-fields'],
  contacts: ['custom-fields'],
  deals: ['activities', 'contacts', 'custom-fields'],
  files: ['custom-fields'],
  ingest: ['activities', 'chunks', 'contacts', 'custom-fields'],
  insights: ['workflows'],
  'mcp-aggregator': ['chunks'],
  memory: ['chunks', 'contacts'],
  projects: ['chunks', 'custom-fields'],
};

/** Modules that are there to be registered with: everybody may import them, they import no business module. */
const registryModules = ['discovery', 'mcp', 'portability', 'privacy', 'workflows'];

/** Modules with a job above workspaces, which may therefore hold the staff door. */
const systemDoorHolders = [
  'webhooks', // retention walks through all workspaces, and partitions are made and dropped for all of them
  'workspaces', // login and key look-up happen before a workspace is known
];

/**
 * Every exception there is: `{ rule, from, reason }`, `from` being a path pattern of the importing file. The list
 * starts empty and only shrinks.
 *
 * @type {{ rule: string, from: string, reason: string }[]}
 */
const exceptions = [];

/** Matches a package wherever it is installed, and its name alone when it is not. */
const npmPackage = (...names) => `(^|node_modules/)(${names.join('|')})(/|$)`;
/** Matches only when the alternative is not empty: an empty list must forbid all, not allow all. */
const anyOf = (names) => (names.length > 0 ? `(${names.join('|')})` : '(?!)');
const moduleFolder = (names) => `^src/modules/${anyOf(names)}/`;

const allowedAbove = '^src/(app\\.module|main|cli)\\.ts$|^src/cli/';
const doorOfAModule = '^src/modules/[^/]+/(index|[^/]+\\.(module|registry))\\.ts$';

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const rules = [
  {
    name: 'no-cycles',
    comment:
      'Two files that import each other are one file or three. Move what both need into a third, or let one side publish an event ' +
      'or offer a registry.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'every-import-resolves',
    comment:
      'Nothing is found under this name: correct the path (with its .js ending), or add the package to package.json.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'contracts-import-nothing',
    comment:
      'contracts/ holds words, not machinery: declare the type there itself, or move the code that needs the import to platform/.',
    from: { path: '^src/contracts/', pathNot: '\\.spec\\.ts$' },
    to: { pathNot: '^src/contracts/' },
  },
  {
    name: 'config-imports-nothing-above',
    comment:
      'config/ is read by every room and so knows none: pass the value in from the caller. Only config/data-source.ts names migrations.',
    from: { path: '^config/' },
    to: { path: '^(src|migrations|test|bench)/', pathNot: '^migrations/' },
  },
  {
    name: 'migrations-stand-alone',
    comment:
      'A migration must mean the same for ever: write out the SQL it needs instead of importing code that will change.',
    from: { path: '^migrations/' },
    to: { path: '^(src|config|test|bench)/' },
  },
  {
    name: 'migrations-are-run-by-the-database-room',
    comment: 'Only config/data-source.ts and platform/database run migrations: call them.',
    from: { path: '^(src|config)/', pathNot: '^src/platform/database/|^config/data-source\\.ts$' },
    to: { path: '^migrations/' },
  },
  {
    name: 'platform-knows-no-module',
    comment:
      'platform/ would fit any product: let the module register with the platform room, or consume an event. ' +
      'A rule with a business noun belongs in the module.',
    from: { path: '^src/platform/' },
    to: { path: `^src/modules/|${allowedAbove}` },
  },
  {
    name: 'modules-know-no-process',
    comment: 'app.module, main and cli put the rooms together; no room looks up at them. Inject what is needed.',
    from: { path: '^src/modules/' },
    to: { path: allowedAbove },
  },
  {
    name: 'rooms-have-one-door',
    comment:
      "Import another module through its index.ts (its *.module.ts for wiring, its *.registry.ts to register). Export there what is meant to be used, or publish an event; another module's tables and entities stay its own.",
    from: { path: '^src/', pathNot: '^src/modules/' },
    to: { path: '^src/modules/', pathNot: doorOfAModule },
  },
  {
    name: 'rooms-have-one-door-between-modules',
    comment:
      "Import another module through its index.ts (its *.module.ts for wiring, its *.registry.ts to register). Export there what is meant to be used, or publish an event; another module's tables and entities stay its own.",
    from: { path: '^src/modules/([^/]+)/' },
    to: { path: '^src/modules/', pathNot: `^src/modules/$1/|${doorOfAModule}` },
  },
  {
    name: 'controllers-ask-services',
    comment:
      'A controller or tool asks its service: add the use case there. Types of requests and responses live in *.dto.ts.',
    from: { path: '\\.(controller|tools)\\.ts$' },
    to: { path: '\\.(repository|entity)\\.ts$' },
  },
  {
    name: 'typeorm-stays-downstairs',
    comment:
      'SQL lives in *.repository.ts (and *.entity.ts, platform/database, migrations/): add a method named after the use case there and call it.',
    from: {
      path: '^(src|config)/',
      pathNot: '\\.(repository|entity)\\.ts$|^src/platform/database/|^config/data-source\\.ts$',
    },
    to: { path: npmPackage('typeorm', 'pg', '@types/pg', 'pg-[^/]+', 'postgres') },
  },
  {
    name: 'typeorm-is-wired-in-modules',
    comment:
      '@nestjs/typeorm wires entities in *.module.ts only: db.manager of platform/database is the only handle on data, never @InjectRepository.',
    from: { path: '^(src|config)/', pathNot: '\\.module\\.ts$|^src/platform/database/' },
    to: { path: npmPackage('@nestjs/typeorm') },
  },
  {
    name: 'system-door-is-guarded',
    comment:
      'SystemDatabase sees every workspace. Use Database; a module with a job above workspaces is named in systemDoorHolders with its reason.',
    from: { path: '^(src|config)/', pathNot: `^src/platform/|${moduleFolder(systemDoorHolders)}` },
    to: { path: '/system-database\\.ts$' },
  },
  {
    name: 'system-door-has-no-side-entrance',
    comment: 'An index.ts that exports SystemDatabase would open it to all: import system-database.js by its own name.',
    from: { path: '/index\\.ts$' },
    to: { path: '/system-database\\.ts$' },
  },
  {
    name: 'event-emitter-only-in-platform-events',
    comment:
      'The emitter loses what it carries on a crash. Publish with Events.publish, consume with @Consumes, listen to live signals.',
    from: { path: '^(src|config)/', pathNot: '^src/platform/events/' },
    to: { path: npmPackage('@nestjs/event-emitter', 'eventemitter2', 'eventemitter3') },
  },
  {
    name: 'mcp-sdk-only-in-mcp',
    comment: 'Offer a tool with @Tool of modules/mcp; only modules/mcp and modules/mcp-aggregator speak the protocol.',
    from: { path: '^(src|config)/', pathNot: '^src/modules/(mcp|mcp-aggregator)/' },
    to: { path: npmPackage('@modelcontextprotocol') },
  },
  {
    name: 'mcp-v1-sdk-is-the-referee',
    comment:
      'The v1 SDK is the independent client of the tests; its objects must not meet those of v2. Use @modelcontextprotocol/server.',
    from: { path: '^(src|config)/' },
    to: { path: npmPackage('@modelcontextprotocol/sdk') },
  },
  {
    name: 'http-clients-only-in-outbound',
    comment:
      'The network is left through platform/outbound alone, which guards against SSRF and bounds time and size. Inject its client. ' +
      '(Lint guards fetch and node:http in the same way.)',
    from: { path: '^(src|config)/', pathNot: '^src/platform/outbound/' },
    to: {
      path: npmPackage('undici', 'axios', 'got', 'ky', 'node-fetch', 'cross-fetch', 'superagent', 'needle', 'request'),
    },
  },
  {
    name: 'production-uses-production-packages',
    comment: 'Development packages are not in the image: move the package to dependencies, or import only its types.',
    from: { path: '^(src|config|migrations)/', pathNot: '\\.spec\\.ts$' },
    to: {
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
      dependencyTypesNot: ['type-only'],
      pathNot: npmPackage('@types'),
    },
  },
  {
    name: 'production-knows-no-test',
    comment: 'Code that ships does not import tests or benchmarks: move what both need into its room.',
    from: { path: '^(src|config|migrations)/' },
    to: { path: '^(test|bench)/|\\.(spec|test)\\.ts$' },
  },
  // What a module may import of the others: what it declares above, registries, and every *.registry.ts.
  {
    name: 'declared-edges',
    comment:
      'This module declares no edge to the other. Tell it by an event, or register with it; if it must be asked, declare the edge in the table ' +
      'at the top of this file.',
    from: { path: '^src/modules/([^/]+)/', pathNot: moduleFolder(Object.keys(declaredEdges)) },
    to: { path: '^src/modules/', pathNot: `^src/modules/$1/|${moduleFolder(registryModules)}|\\.registry\\.ts$` },
  },
  ...Object.entries(declaredEdges).map(([name, others]) => ({
    name: `declared-edges-of-${name}`,
    comment: `${name} may ask ${others.join(', ')} and no other module. Tell by an event, or register; if it must be asked, declare the edge in the table at the top of this file.`,
    from: { path: moduleFolder([name]) },
    to: { path: '^src/modules/', pathNot: `${moduleFolder([name, ...others, ...registryModules])}|\\.registry\\.ts$` },
  })),
];

const withExceptions = (rule) => {
  const own = exceptions.filter((exception) => exception.rule === rule.name).map((exception) => exception.from);
  if (own.length === 0) return rule;
  return { ...rule, from: { ...rule.from, pathNot: [rule.from.pathNot ?? [], own].flat() } };
};

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: rules.map((rule) => ({ severity: 'error', ...withExceptions(rule) })),
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'types', 'require', 'default'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json', '.d.ts'],
    },
    skipAnalysisNotInRules: true,
  },
};
