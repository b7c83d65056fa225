import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The root of the project under test. */
export const projectRoot = resolve(import.meta.dirname, '../..');

/**
 * A throw-away project that holds planted files beside the real configuration, so that a checker can be seen to fire.
 * Checkers that never fail prove nothing.
 */
export class PlantedTree {
  private constructor(readonly root: string) {}

  /** @param files path inside the tree -> content. Every missing `config`, `src` and `migrations` folder is made. */
  static async plant(files: Record<string, string>, configuration: readonly string[]): Promise<PlantedTree> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'engawa planted ')));
    await symlink(await realpath(join(projectRoot, 'node_modules')), join(root, 'node_modules'));
    for (const name of configuration) await cp(join(projectRoot, name), join(root, name));
    for (const folder of ['config', 'src', 'migrations']) await mkdir(join(root, folder));
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    return new PlantedTree(root);
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Runs a checker of node_modules in `root` and returns what it printed, whatever it thought of what it saw. */
export async function runChecker(script: string, args: readonly string[], root: string): Promise<string> {
  const checker = join(projectRoot, 'node_modules', script);
  try {
    const { stdout } = await run(process.execPath, [checker, ...args], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    // a checker that found something exits with a number of its own and still prints its findings
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (stdout === undefined || stdout === '')
      throw new Error(`${script} did not run: ${stderr ?? ''}`, { cause: error });
    return stdout;
  }
}
