// Makes the archives that are published, in build/packages: `onlite`, `@onlite/runtime-…` with the
// runtimes' libraries for each platform of platforms.json, `@onlite/onnxruntime-node` and
// `@onlite/server`.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { reportFailure } from './lib/errors.mjs';
import { digestFiles, readJsonOrNull, statOrNull, writeFileAtomic } from './lib/files.mjs';
import { installSets } from './lib/install-sets.mjs';
import { readManifest, selectSets } from './lib/manifest.mjs';
import {
  layOutDropIn,
  layOutPackage,
  layOutRuntime,
  layOutServer,
  npmPack,
  runtimePlatforms,
} from './lib/pack.mjs';
import { hostPlatform, platforms } from './lib/platforms.mjs';
import { at, ROOT } from './lib/project.mjs';
import { buildTypescript } from './lib/typescript-build.mjs';

const HELP = `usage: node scripts/package.mjs [platform...] [options]

Makes archives for npm in build/packages: onlite with the addons that scripts/prebuild.mjs has built for
the platforms that are named, else for all, the runtime package of each, the drop-in for
onnxruntime-node, and the server.

  --dev      for this platform alone, with the addon of the development build
`;

const log = (message) => process.stdout.write(`package: ${message}\n`);

/**
 * @param {string[] | null} names platforms; null for this one, with the development build's addon
 * @returns the archives: {file, size, unpackedSize, entryCount} each, onlite's first
 */
export async function makePackages(names) {
  const out = at('build/packages');
  await buildTypescript(log);
  const staged = join(out, names === null ? 'dev' : 'stage');
  layOutPackage(join(staged, 'onlite'), names);
  const packed = [await npmPack(join(staged, 'onlite'), staged)];
  const wanted = names ?? [hostPlatform()];
  for (const platform of wanted.filter((name) => runtimePlatforms.includes(name))) {
    packed.push(await packRuntime(platform, staged));
  }
  const dropIn = join(staged, 'onnxruntime-node');
  layOutDropIn(dropIn);
  packed.push(await npmPack(dropIn, staged));
  const server = join(staged, 'server');
  layOutServer(server);
  packed.push(await npmPack(server, staged));
  return packed;
}

/** Once for the same libraries: npm takes long for them. */
async function packRuntime(platform, staged) {
  const folder = join(staged, `runtime-${platform}`);
  const stamp = `${folder}.json`;
  const inputs = ['package.json', 'THIRD-PARTY-NOTICES.md', 'scripts/runtimes.json'];
  inputs.push('scripts/platforms.json', 'scripts/lib/pack.mjs');
  const key = digestFiles(ROOT, inputs);
  const saved = readJsonOrNull(stamp);
  if (saved?.key === key && statOrNull(saved.packed.file)) return saved.packed;
  const { root, sources } = await fetchLibraries(platform);
  layOutRuntime(folder, platform, root, sources);
  const packed = await npmPack(folder, staged);
  writeFileAtomic(stamp, JSON.stringify({ key, packed }));
  return packed;
}

/** The libraries of a platform: of this one set-up's, of others below build/. */
async function fetchLibraries(platform) {
  const manifest = readManifest(at('scripts/runtimes.json'));
  const root = platform === hostPlatform() ? ROOT : at('build/runtimes');
  await installSets(manifest, { root, wanted: ['always'], platform, log });
  const sets = selectSets(manifest, platform, ['always']).filter(
    (set) => set.platform === platform,
  );
  const sources = Object.fromEntries(
    sets.filter((set) => set.choices).map(({ name, choices }) => [name, choices[0].version]),
  );
  return { root, sources: { versions: sources } };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { dev: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const all = positionals.length === 0 ? Object.keys(platforms) : positionals;
  for (const { file, size, unpackedSize, entryCount } of await makePackages(
    values.dev ? null : all,
  )) {
    const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
    log(`${file}: ${megabytes(size)} packed, ${megabytes(unpackedSize)}, ${entryCount} files`);
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error) => reportFailure('package', error));
}
