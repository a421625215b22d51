import { lstatSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { SetupError } from './errors.mjs';
import { statOrNull } from './files.mjs';
import { run } from './process.mjs';
import { safeEntryPath } from './safe-path.mjs';

const REMEDY = 'the archive is not what it should be: do not use it, report it to the project';

/**
 * Extracts the members `names` of an archive (.tgz, or a zip by any other name) into `folder`,
 * which is made and must be new. The caller has verified the archive's checksum, and verifies each
 * file's. Nothing else of the archive is written, and each name is a plain file afterwards.
 *
 * @param {string} file
 * @param {Iterable<string>} names
 * @param {string} folder
 * @throws {SetupError} when a member is absent or no plain file, or the archive is damaged
 */
export async function unpack(file, names, folder) {
  const wanted = [...new Set(names)];
  for (const name of wanted) safeEntryPath(name);
  mkdirSync(folder);
  await (file.endsWith('.tgz') ? unpackTar : unpackZip)(file, wanted, folder);
  const root = realpathSync(folder);
  for (const name of wanted) {
    const path = join(root, name);
    if (!lstatSync(path).isFile() || realpathSync(path) !== path) {
      throw new SetupError(`${basename(file)}: ${name} is a link or no file`, REMEDY);
    }
  }
}

async function unpackTar(file, names, folder) {
  // -o: files are the user's own, whoever packed them.
  await run(tarProgram(), ['-x', '-z', '-o', '-f', file, ...names], {
    cwd: folder,
    remedy: REMEDY,
  });
}

/** On Windows not the one of Git, to which `C:` is another machine's name. */
function tarProgram() {
  const windows = join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', 'tar.exe');
  return process.platform === 'win32' && statOrNull(windows) ? windows : 'tar';
}

async function unpackZip(file, names, folder) {
  const { unzipSync } = await fflate();
  let contents;
  try {
    contents = unzipSync(readFileSync(file), { filter: ({ name }) => names.includes(name) });
  } catch (error) {
    throw new SetupError(`${basename(file)} is no zip archive: ${error.message}`, REMEDY);
  }
  for (const name of names) {
    if (!Object.hasOwn(contents, name)) {
      throw new SetupError(`${basename(file)}: ${name}: Not found in archive`, REMEDY);
    }
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), contents[name]);
  }
}

/** Only when it is needed: set-up starts before there is a node_modules, and then installs it. */
async function fflate() {
  try {
    return await import('fflate');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new SetupError('the package fflate is not installed', 'run npm ci first');
  }
}
