import { join } from 'node:path';

import { SetupError } from './errors.mjs';
import { sha256File, statOrNull } from './files.mjs';
import { pipCommand, run } from './process.mjs';
import { at, ROOT } from './project.mjs';

/**
 * A program that a Python package brings, fetched by pip into build/ the first time, and again when
 * its pin has changed.
 *
 * @param {string} name of the package and of its folder below build/
 * @param {{requirements: string, program: string, size: string, log: (line: string) => void}} options
 *   the file with its pin and hashes, the program within the package's folder, the download's size
 * @returns {Promise<string>} the program's full path
 */
export async function fetchPipProgram(name, { requirements, program, size, log }) {
  const folder = at('build', name, sha256File(at(requirements)).slice(0, 12));
  const file = join(folder, process.platform === 'win32' ? `${program}.exe` : program);
  if (statOrNull(file)) return file;
  const pip = pipCommand();
  if (pip === null) {
    throw new SetupError(
      `no Python 3 with pip to fetch ${name} with`,
      'install Python 3 with pip (Debian: apt-get install python3-pip) and run the command again',
    );
  }
  log(`fetching ${name} (${size}) with pip install`);
  const [python, ...args] = pip;
  args.push('install', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:');
  await run(python, [...args, '--target', folder, '-r', at(requirements)], { cwd: ROOT });
  return file;
}
