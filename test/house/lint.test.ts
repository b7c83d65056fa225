import { PlantedTree, runChecker } from './planted-tree.js';

interface Diagnostic {
  code: string;
  filename: string;
}

/** Rule -> the file that breaks it -> what that file holds. */
const offenders: Record<string, [path: string, content: string]> = {
  'typescript(no-floating-promises)': [
    'src/floating.ts',
    'export function f(p: Promise<void>): void {\n  void p;\n}\n',
  ],
  'typescript(no-misused-promises)': ['src/misused.ts', 'export const f = (p: Promise<boolean>) => (p ? 1 : 2);\n'],
  'typescript(switch-exhaustiveness-check)': [
    'src/switching.ts',
    "export function f(x: 'a' | 'b'): void {\n  switch (x) {\n    case 'a':\n      break;\n  }\n}\n",
  ],
  'typescript(no-explicit-any)': ['src/any.ts', 'export const f = (x: any) => Boolean(x);\n'],
  'typescript(no-non-null-assertion)': ['src/asserting.ts', 'export const f = (x?: string) => x!.length;\n'],
  'typescript(ban-ts-comment)': ['src/ignoring.ts', '// @ts-ignore\nexport const x: string = 1;\n'],
  'eslint(no-console)': ['src/printing.ts', "console.error('x');\n"],
  'eslint(max-lines)': ['src/long.ts', 'export let x = 0;\n' + 'x += 1;\n'.repeat(400)],
  'import(no-default-export)': ['src/exporting.ts', 'export default function f(): void {}\n'],
  'node(no-process-env)': ['src/reading.ts', "export const x = process.env['X'];\n"],
  'eslint(no-restricted-globals)': ['src/fetching.ts', "export const f = () => fetch('http://127.0.0.1');\n"],
  'eslint(no-restricted-properties)': [
    'src/contacts.repository.ts',
    'export const f = (m: { save(x: string): string }) => m.save("x");\n',
  ],
  'eslint(no-restricted-imports)': [
    'src/requesting.ts',
    "import { request } from 'node:http';\nexport const f = request;\n",
  ],
  'jest(no-disabled-tests)': ['test/modules/a.test.ts', "it.skip('holds', () => { expect(1).toBe(1); });\n"],
  'jest(no-focused-tests)': ['test/modules/b.test.ts', "it.only('holds', () => { expect(1).toBe(1); });\n"],
};

/** The rooms that a rule names as the right place, and tests that wait as they should. */
const innocents: Record<string, string> = {
  'config/load-config.ts': 'export const load = () => ({ ...process.env });\n',
  'src/platform/outbound/outbound.ts':
    "import { request } from 'node:http';\nexport const f = () => [request, fetch('http://127.0.0.1')];\n",
  'src/platform/telemetry/metrics.ts':
    "import { createServer, type IncomingMessage } from 'node:http';\nexport const f = createServer;\nexport type M = IncomingMessage;\n",
  'test/support/global-setup.ts': 'export default function setUp(): void {}\n',
  'test/modules/c.test.ts':
    "it('holds', async () => {\n  expect((await fetch('http://127.0.0.1')).status).toBe(200);\n});\n",
};

const sleepers: Record<string, string> = {
  'test/modules/d.test.ts': "it('waits', () => new Promise((done) => setTimeout(done, 100)));\n",
  'test/modules/e.test.ts':
    "import { setTimeout as sleep } from 'node:timers/promises';\nit('waits', () => sleep(100));\n",
};

describe('lint', () => {
  let planted: PlantedTree;
  let found: Diagnostic[];

  beforeAll(async () => {
    planted = await PlantedTree.plant({ ...Object.fromEntries(Object.values(offenders)), ...innocents, ...sleepers }, [
      'package.json',
      'tsconfig.json',
      '.oxlintrc.json',
    ]);
    const output = await runChecker(
      'oxlint/bin/oxlint',
      ['--type-aware', '--disable-nested-config', '--format', 'json'],
      planted.root,
    );
    found = (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
  });

  afterAll(async () => {
    await planted.remove();
  });

  it.each(Object.keys(offenders))('reports %s', (rule) => {
    const path = offenders[rule]?.[0];
    expect(found.filter((one) => one.filename === path).map((one) => one.code)).toContain(rule);
  });

  it.each(Object.keys(sleepers))('reports a test that sleeps (%s)', (path) => {
    expect(found.map((one) => one.filename)).toContain(path);
  });

  it('leaves alone what is in its right room', () => {
    expect(found.filter((one) => one.filename in innocents)).toEqual([]);
  });
});
