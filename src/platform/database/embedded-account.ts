import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { copyBinaries } from './embedded-binaries.js';
import type { EmbeddedBinaries } from './embedded-binaries.js';
import { EmbeddedServerError } from './embedded-server.errors.js';

/*
 * PostgreSQL refuses to run as root, which is what a container or a fresh machine gives us, and it does not notice when
 * the process that started it is killed. Both are answered by what stands before its command line: `unshare` gives root
 * a user namespace in which it bears another number (the files stay root's, no account is created), and `setpriv
 * --pdeathsig` has the kernel send SIGINT, a fast shutdown, when the parent ends in whatever way. Where user namespaces
 * are forbidden, the server runs under an unprivileged account of the machine, which the cluster then belongs to.
 */

/** All that PostgreSQL's programs see of the environment: neither PG* variables nor the secrets of this process. */
export const SYSTEM_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  TZ: 'UTC',
};

/** How and as whom PostgreSQL's programs are run. */
export interface EmbeddedAccount {
  readonly binaries: EmbeddedBinaries;
  /** Command and arguments that stand before the program's own. */
  readonly prefix: readonly string[];
  /** The account that owns the cluster's files, when it is not that of this process. */
  readonly runs_as?: { readonly uid: number; readonly gid: number };
  /** Whether the kernel ends the program with this process; a watcher has to do it otherwise. */
  readonly ends_with_parent: boolean;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The first way that works on this machine.
 * @param owner who the cluster (or, before it exists, the data directory) belongs to
 */
export function chooseAccount(
  binaries: EmbeddedBinaries,
  data_dir: string,
  owner: { uid: number; gid: number },
): EmbeddedAccount {
  const dying = succeeds('setpriv', ['--pdeathsig', 'INT', '--', 'true'])
    ? ['setpriv', '--pdeathsig', 'INT', '--']
    : [];
  const ends_with_parent = dying.length > 0;
  const stranger = unprivilegedEntry();
  const plain: EmbeddedAccount = { binaries, prefix: dying, ends_with_parent };
  const renumbered: EmbeddedAccount = {
    binaries,
    prefix: ['unshare', '-U', `--map-user=${stranger.uid}`, `--map-group=${stranger.gid}`, '--', ...dying],
    ends_with_parent,
  };
  const isRoot = process.getuid?.() === 0;
  const candidates: EmbeddedAccount[] = [];
  if (!isRoot) candidates.push(...(hasName() ? [plain] : [renumbered, plain]));
  else if (owner.uid !== 0) candidates.push({ ...plain, runs_as: owner });
  else candidates.push(renumbered, { ...plain, runs_as: { uid: stranger.uid, gid: stranger.gid } });

  let reason = '';
  for (const candidate of candidates) {
    const attempt = withReachableBinaries(candidate, data_dir);
    if ('account' in attempt) return attempt.account;
    reason = attempt.reason;
  }
  throw new EmbeddedServerError(
    `The embedded PostgreSQL does not run on this machine: ${reason || 'its program could not be started'}. ` +
      (isRoot ? 'Start Engawa as an ordinary user, or set' : 'Set') +
      ' DATABASE_URL to a PostgreSQL 15 or newer.',
  );
}

function withReachableBinaries(
  account: EmbeddedAccount,
  data_dir: string,
): { account: EmbeddedAccount } | { reason: string } {
  const reason = failureOf(account);
  const { runs_as } = account;
  if (!runs_as) return reason === undefined ? { account } : { reason };
  const { uid, gid } = statSync(data_dir);
  chownSync(data_dir, runs_as.uid, runs_as.gid);
  let second_reason = `user ${runs_as.uid}, as whom PostgreSQL has to run here, cannot enter ${data_dir}; a data directory below /var/lib would do`;
  if (succeeds('/bin/sh', ['-c', 'cd "$1"', 'sh', data_dir], runs_as)) {
    if (reason === undefined) return { account };
    const copied = { ...account, binaries: copyBinaries(account.binaries, data_dir) };
    second_reason = failureOf(copied) ?? '';
    if (second_reason === '') return { account: copied };
  }
  chownSync(data_dir, uid, gid);
  return { reason: second_reason };
}

/** Why the server's program does not even tell its version; undefined when it does. */
function failureOf(account: EmbeddedAccount): string | undefined {
  const [command, ...args] = commandLine(account, account.binaries.postgres, ['--version']);
  const { status, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    cwd: '/',
    env: { ...SYSTEM_ENVIRONMENT, ...account.binaries.env },
    ...account.runs_as,
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim() || `exit code ${status}`);
}

/** The whole command line of a program under this account. */
export function commandLine(account: EmbeddedAccount, program: string, args: readonly string[]): [string, ...string[]] {
  const [first, ...rest] = account.prefix;
  return first === undefined ? [program, ...args] : [first, ...rest, program, ...args];
}

function succeeds(command: string, args: string[], runs_as?: EmbeddedAccount['runs_as']): boolean {
  return spawnSync(command, args, { stdio: 'ignore', cwd: '/', env: SYSTEM_ENVIRONMENT, ...runs_as }).status === 0;
}

/** initdb wants the account it runs as to have a name, which `docker run --user 12345` does not give. */
function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

function unprivilegedEntry(): PasswdEntry {
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0);
  return (
    entries.find(({ name }) => name === 'postgres') ??
    entries.find(({ name }) => name === 'nobody') ??
    entries[0] ?? { name: 'nobody', uid: 65_534, gid: 65_534 }
  );
}
