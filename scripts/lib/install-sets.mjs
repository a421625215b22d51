import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from './errors.mjs';
import { fetchArchive, whyUnfetchable } from './fetch.mjs';
import { sha256File, writeFileAtomic } from './files.mjs';
import { unmetNeed } from './host.mjs';
import { withLock } from './lock.mjs';
import { PLATFORM, selectSets } from './manifest.mjs';
import { Stamp } from './stamp.mjs';
import { unpack } from './unpack.mjs';

const TEMPORARY = '.fetch-';

/**
 * Brings the files of a manifest's sets below `root`, fetching only what is absent or damaged.
 *
 * @param {object} options
 * @param {string} options.root the package's folder
 * @param {string[]} options.wanted which kinds of sets: 'always', 'peers', 'ort-wheel'
 * @param {boolean} [options.verify] recompute every checksum
 * @param {boolean} [options.refresh] replace a fallback by the first choice, if it can be had now
 * @param {string} [options.archivesFolder] archives to use instead of the registries
 * @param {(message: string) => void} options.log
 * @returns {Promise<{fetched: boolean}>}
 */
export async function installSets(manifest, options) {
  const { root, wanted, log, platform = PLATFORM } = options;
  const sets = selectSets(manifest, platform, wanted);
  const stampFile = join(root, 'runtimes/.stamp.json');
  const stamp = new Stamp(stampFile, options);
  if (wanted.includes('always') && !sets.some((set) => set.platform === platform)) {
    throw new SetupError(
      `no runtime libraries are known for ${platform}`,
      'build them from source and set ONLITE_ORT_PATH and ONLITE_TFLITE_PATH',
    );
  }
  const isMissing = (set, known) => set.choices && !isInstalled(manifest, set, known, options);
  const absent = sets.filter((set) => isMissing(set, stamp));
  stamp.save();
  if (absent.length === 0) return { fetched: false };

  return withLock(join(root, 'runtimes/.lock'), log, async () => {
    const fresh = new Stamp(stampFile);
    const still = absent.filter((set) => isMissing(set, fresh));
    if (still.length === 0) return { fetched: false };
    for (const set of sets) if (set.missing) log(`no ${set.name} for ${platform}: ${set.missing}`);
    removeLeftovers(join(root, 'runtimes'));
    const work = mkdtempSync(join(root, 'runtimes', TEMPORARY));
    try {
      await installAbsent(manifest, still, { ...options, work, stamp: fresh });
    } finally {
      fresh.save();
      rmSync(work, { recursive: true, force: true });
    }
    return { fetched: true };
  });
}

function isInstalled(manifest, set, stamp, options) {
  if (stamp.isSkipped(set)) return true;
  const matching = set.choices.findIndex((choice) =>
    choice.files.every((entry) => stamp.matches(options.root, entry)),
  );
  if (matching <= 0 || !options.refresh) return matching !== -1;
  const better = set.choices.slice(0, matching);
  return better.every((choice) => whyUnusable(manifest, choice, options) !== null);
}

/** Why a choice cannot be taken on this machine now, or null. */
function whyUnusable(manifest, choice, { archivesFolder }) {
  const archive = manifest.archives[choice.archive];
  return unmetNeed(choice.needs) ?? whyUnfetchable(archive, archivesFolder);
}

/** A process that was killed leaves its folder behind; the lock says that none is at work now. */
function removeLeftovers(folder) {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(TEMPORARY)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

async function installAbsent(manifest, sets, options) {
  // Sets that share an archive share one download: the largest has 113 MB.
  const plans = sets.map((set) => planSet(manifest, set, options)).filter((plan) => plan !== null);
  const keys = [...new Set(plans.map((plan) => plan.choice.archive))];
  for (const key of keys) {
    const archive = manifest.archives[key];
    const folder = join(options.work, String(keys.indexOf(key)));
    mkdirSync(folder);
    const file = await fetchArchive(archive, folder, options);
    const entries = plans.filter((p) => p.choice.archive === key).flatMap((p) => p.choice.files);
    await installFiles(archive, file, entries, join(folder, 'unpacked'), options);
    rmSync(folder, { recursive: true, force: true });
  }
  for (const { set, choice } of plans) {
    const { package: name, version } = manifest.archives[choice.archive];
    options.log(`${set.name} ${choice.version} from ${name} ${version}`);
    if (choice.note) options.log(`  ${choice.note}`);
  }
}

/** The first choice that this machine can use and fetch. */
function planSet(manifest, set, options) {
  const reasons = [];
  for (const choice of set.choices) {
    const why = whyUnusable(manifest, choice, options);
    if (why === null) {
      for (const reason of reasons)
        options.log(
          `${set.name}: ${reason}; taking ${manifest.archives[choice.archive].package} instead`,
        );
      return { set, choice };
    }
    reasons.push(why);
  }
  if (set.otherwise) reasons.push(set.otherwise);
  if (!set.required) {
    options.log(`no ${set.name}: ${reasons.join('. ')}`);
    options.stamp.skip(set);
    return null;
  }
  throw new SetupError(
    `cannot get ${set.name}: ${reasons.join('; ')}`,
    'install Python 3 with pip (Debian: apt-get install python3-pip) and run the command again',
  );
}

/** Verifies every file before the first one is put in its place. */
async function installFiles(archive, file, entries, folder, { root, stamp }) {
  await unpack(
    file,
    entries.map((entry) => entry.from),
    folder,
  );
  for (const { from, sha256 } of entries) {
    const actual = sha256File(join(folder, from));
    if (actual !== sha256) {
      throw new SetupError(`${archive.file}: SHA-256 of ${from} is ${actual}, expected ${sha256}`);
    }
  }
  for (const entry of entries) {
    const target = join(root, entry.to);
    writeFileAtomic(target, readFileSync(join(folder, entry.from)));
    stamp.record(entry, statSync(target));
  }
}
