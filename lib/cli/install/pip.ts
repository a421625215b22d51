import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { OnliteError } from '../../errors';
import { pipPlatforms, type PinnedPackage } from './packages';
import type { Missing } from './requirements';

/** How Python's installer is called here; undefined where there is none. */
function pip(): readonly string[] | undefined {
  const pythons = process.platform === 'win32' ? ['py', 'python'] : ['python3', 'python'];
  return pythons
    .map((python) => [python, '-m', 'pip'])
    .find(([python = '', ...args]) => spawnSync(python, [...args, '--version']).status === 0);
}

const noPip = 'there is no Python 3 with pip to fetch the packages';
const remedy =
  'install it (Debian: apt-get install python3-pip), or install on a machine that has it with ' +
  'ONLITE_DATA_PATH and copy that folder';

/** What the packages cannot be fetched without. */
export function missingPip(): Missing[] {
  return pip() === undefined ? [{ problem: noPip, remedy }] : [];
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Unpacks packages. pip fetches them, as it knows the proxies, mirrors and certificates of this machine;
 * it shows its progress on stderr and takes no file with another checksum. Nothing of the packages is
 * executed.
 *
 * @param work - a folder that is the caller's to delete, with all that pip has left there
 * @returns the folder in it that has the packages' files and nothing else
 * @throws OnliteError ERR_PROVIDER_UNAVAILABLE if that fails; ERR_CANCELLED if a signal has ended it.
 */
export async function unpackPackages(
  packages: readonly PinnedPackage[],
  platform: string,
  work: string,
): Promise<string> {
  const command = pip();
  if (command === undefined) {
    throw new OnliteError('ERR_PROVIDER_UNAVAILABLE', `${noPip}; ${remedy}`);
  }
  const requirements = join(work, 'requirements.txt');
  const lines = packages.map(
    ({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}\n`,
  );
  writeFileSync(requirements, lines.join(''));
  const files = join(work, 'files');
  const temporary = join(work, 'temporary');
  mkdirSync(temporary);
  const [python = '', ...args] = command;
  args.push('install', '--no-deps', '--require-hashes', '--only-binary=:all:', '--no-compile');
  args.push('--target', files, '--requirement', requirements);
  // One and the same file wherever it is fetched, whichever Python this is.
  args.push('--python-version', '3.12', '--implementation', 'cp');
  for (const name of ['cp312', 'none']) args.push('--abi', name);
  for (const name of pipPlatforms[platform] ?? []) args.push('--platform', name);
  const { code, signal } = await ended(python, args, { ...process.env, ...settings(temporary) });
  if (signal !== undefined) {
    throw new OnliteError('ERR_CANCELLED', `the installation was ended by ${signal}`);
  }
  if (code !== 0) {
    throw new OnliteError(
      'ERR_PROVIDER_UNAVAILABLE',
      `pip could not fetch the packages (exit code ${String(code)}); what it said is above`,
    );
  }
  return files;
}

/** For pip's environment, where a pip that is too old for a setting ignores it. */
function settings(temporary: string): NodeJS.ProcessEnv {
  return {
    PIP_ROOT_USER_ACTION: 'ignore',
    // What a user may have set for other uses, and contradicts --target.
    PIP_USER: '0',
    PIP_REQUIRE_VIRTUALENV: '0',
    // The system's folder for temporary files may be smaller than the packages.
    TMPDIR: temporary,
    TEMP: temporary,
    TMP: temporary,
  };
}

/**
 * Runs a program to its end. A signal to this process is passed on, and does not end it before the
 * program has ended.
 */
async function ended(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; signal: NodeJS.Signals | undefined }> {
  // stdout is the command's own.
  const child = spawn(program, args, { stdio: ['ignore', 2, 'inherit'], env });
  let received: NodeJS.Signals | undefined;
  const passOn = (signal: NodeJS.Signals): void => {
    received = signal;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, passOn);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject).on('exit', (code, signal) => {
        resolve({ code, signal: received ?? signal ?? undefined });
      });
    });
  } finally {
    for (const signal of signals) process.off(signal, passOn);
  }
}
