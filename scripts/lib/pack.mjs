import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

import { SetupError } from './errors.mjs';
import { listFiles, readJsonOrNull, sha256File, statOrNull } from './files.mjs';
import { addonFile } from './native-build.mjs';
import { layOutDocuments } from './packed-documents.mjs';
import { hostPlatform, platforms, prebuildFile } from './platforms.mjs';
import { npmCommand, run } from './process.mjs';
import { at, packageJson, ROOT } from './project.mjs';
import { publicDeclarations } from './public-declarations.mjs';

/** What a folder of libraries is published with; the loader compares the sizes. */
const MANIFEST = 'manifest.json';

const DROP_IN = 'packages/onnxruntime-node';
const SERVER = 'server';

/** The platforms that there are runtime libraries for: those with musl use the system's. */
export const runtimePlatforms = Object.keys(platforms).filter(
  (name) => platforms[name].libc !== 'musl',
);

export const runtimePackage = (platform) => `@onlite/runtime-${platform}`;

/**
 * Lays out the package `onlite` in `folder` as it is published.
 *
 * @param {string[]} addons platforms whose prebuild comes along; null for the development build's
 *   addon as the one of this platform
 */
export function layOutPackage(folder, addons) {
  makeEmpty(folder);
  layOutScripts(at('dist'), join(folder, 'dist'), packageJson());
  layOutDocuments(folder);
  // What `onlite convert` runs in Python, with its locks.
  copyFiles(at('converters'), join(folder, 'converters'), (path) =>
    /^[\w/]+\.(py|txt)$/.test(path),
  );
  layOutSource(join(folder, 'source'));
  const built = addons ?? [hostPlatform()];
  for (const platform of built) {
    const file = at(addons === null ? addonFile() : prebuildFile(platform));
    if (!statOrNull(file)) {
      throw new SetupError(`there is no ${file}`, `node scripts/prebuild.mjs ${platform}`);
    }
    const target = join(folder, prebuildFile(platform));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
    writeManifest(dirname(target));
    writeStaticEntry(folder, platform);
  }
  writeJson(join(folder, 'package.json'), publishedPackageJson());
}

/**
 * dist/ without maps, which point at sources that do not come along (the scripts are readable), and of
 * the declarations those that a program can get at.
 */
function layOutScripts(built, folder, json) {
  const isScript = (path) => !path.startsWith('.') && path.endsWith('.js');
  const texts = new Map(
    listFiles(built)
      .filter(isScript)
      .map((path) => [path, readFileSync(join(built, path), 'utf8')]),
  );
  const entries = Object.values(json.exports).flatMap(({ types }) => types ?? []);
  const paths = entries.map((types) => posix.relative('dist', types));
  for (const [path, text] of [...texts, ...publicDeclarations(built, paths)]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text.replace(/^\/\/# sourceMappingURL=.*\n?/m, ''));
  }
}

/**
 * What `npm explore onlite -- npm run build` needs. binding.gyp is not in the package's own folder,
 * where it would make installers build it by themselves.
 */
function layOutSource(folder) {
  copyFiles(at('native'), join(folder, 'native'), (path) => !/^(abi|test)\//.test(path));
  for (const name of ['binding.gyp', 'scripts/build-source.cjs']) {
    copyFileSync(at(name), join(folder, basename(name)));
  }
  // Not a dependency: for its sake Yarn 4 would install node-gyp, which nobody else needs.
  const headers = at('node_modules/node-addon-api');
  const vendor = join(folder, 'vendor/node-addon-api');
  copyFiles(headers, vendor, (path) => /^(napi.*\.h|index\.js|LICENSE\.md)$/.test(path));
  const { name, version, license } = readJsonOrNull(join(headers, 'package.json'));
  writeJson(join(vendor, 'package.json'), { name, version, license });
}

/** What bundlers can follow to the addon: a module for each platform. */
function writeStaticEntry(folder, platform) {
  const entry = join(folder, 'addon', platform);
  mkdirSync(dirname(entry), { recursive: true });
  writeFileSync(`${entry}.js`, `module.exports = require('../${prebuildFile(platform)}');\n`);
  writeFileSync(`${entry}.d.ts`, 'declare const addon: object;\nexport = addon;\n');
}

function publishedPackageJson() {
  const json = packageJson();
  const { exports, version } = json;
  const kept = ['name', 'version', 'description', 'license', 'repository', 'type', 'main', 'types'];
  kept.push('bin', 'engines', 'dependencies', 'peerDependencies', 'peerDependenciesMeta');
  const { './package.json': own, ...entries } = exports;
  return {
    ...Object.fromEntries(kept.filter((key) => key in json).map((key) => [key, json[key]])),
    exports: {
      ...entries,
      './addon/*': { types: './addon/*.d.ts', default: './addon/*.js' },
      './prebuilds/*': './prebuilds/*',
      './package.json': own,
    },
    scripts: { build: 'node source/build-source.cjs' },
    optionalDependencies: Object.fromEntries(
      runtimePlatforms.map((platform) => [runtimePackage(platform), version]),
    ),
    preferUnplugged: true,
  };
}

/**
 * Lays out a platform's runtime libraries, which are in `<root>/runtimes/<platform>`, as a package.
 *
 * @param {object} sources what runtimes.json says of them
 */
export function layOutRuntime(folder, platform, root, sources) {
  layOutRuntimeDescription(folder, platform);
  copyFiles(join(root, 'runtimes', platform), folder, (path) => !path.includes('/'));
  copyFileSync(at('THIRD-PARTY-NOTICES.md'), join(folder, 'THIRD-PARTY-NOTICES.md'));
  writeManifest(folder, sources);
}

/** A runtime package without its libraries: all that an installer on another platform looks at. */
export function layOutRuntimeDescription(folder, platform) {
  makeEmpty(folder);
  const { os, cpu, libc } = platforms[platform];
  const { version, repository } = packageJson();
  writeFileSync(
    join(folder, 'README.md'),
    `# ${runtimePackage(platform)}\n\nONNX Runtime and TensorFlow Lite for onlite on ${platform}. ` +
      'It is installed with `onlite`; manifest.json tells versions and checksums.\n',
  );
  writeJson(join(folder, 'package.json'), {
    name: runtimePackage(platform),
    version,
    description: `ONNX Runtime and TensorFlow Lite for onlite on ${platform}`,
    license: 'MIT AND Apache-2.0',
    repository,
    os: [os],
    cpu: [cpu],
    libc: libc && [libc],
    preferUnplugged: true,
  });
}

/** Lays out `@onlite/onnxruntime-node`, which stands for the `onlite` of the same version. */
export function layOutDropIn(folder) {
  makeEmpty(folder);
  copyFiles(at(DROP_IN), folder, (path) => path !== 'README.md');
  copyFileSync(at('LICENSE'), join(folder, 'LICENSE'));
  const json = readJsonOrNull(at(DROP_IN, 'package.json'));
  const { version, repository } = packageJson();
  const readme = readFileSync(at(DROP_IN, 'README.md'), 'utf8');
  writeFileSync(join(folder, 'README.md'), readme.replaceAll(`@${json.version}`, `@${version}`));
  const dependencies = { onlite: version };
  writeJson(join(folder, 'package.json'), { ...json, version, repository, dependencies });
}

/** Lays out `@onlite/server`, which uses the `onlite` of the same version. */
export function layOutServer(folder) {
  makeEmpty(folder);
  const json = readJsonOrNull(at(SERVER, 'package.json'));
  delete json.files;
  layOutScripts(at(SERVER, 'dist'), join(folder, 'dist'), json);
  for (const name of ['assets', 'schemas']) {
    cpSync(at(SERVER, name), join(folder, name), { recursive: true });
  }
  copyFileSync(at('LICENSE'), join(folder, 'LICENSE'));
  copyFileSync(at(SERVER, 'README.md'), join(folder, 'README.md'));
  const { version, repository } = packageJson();
  const dependencies = { ...json.dependencies, onlite: version };
  writeJson(join(folder, 'package.json'), { ...json, version, repository, dependencies });
}

/** Packs a folder with npm. @returns the archive's file, its sizes and its package.json */
export async function npmPack(folder, out) {
  const [packed] = await npmPackAll([folder], out);
  return packed;
}

/** The same for several folders with one npm, which takes long to start. */
export async function npmPackAll(folders, out) {
  const [npm, ...args] = npmCommand();
  args.push('pack', ...folders, '--json', '--ignore-scripts', '--pack-destination', out);
  mkdirSync(out, { recursive: true });
  const packed = JSON.parse(await run(npm, args, { cwd: out }));
  return packed.map(({ filename, size, unpackedSize, entryCount }, index) => {
    const json = JSON.parse(readFileSync(join(folders[index], 'package.json'), 'utf8'));
    return { file: join(out, basename(filename)), size, unpackedSize, entryCount, json };
  });
}

/** Whether a file is a library or an addon, by its name. */
export const isLibrary = (path) => /\.(node|dll|dylib|so(\.\d+)*)$/.test(path);

function writeManifest(folder, more = {}) {
  const files = listFiles(folder).filter(isLibrary);
  const entries = files.map((path) => {
    const file = join(folder, path);
    return [path, { bytes: statOrNull(file).size, sha256: sha256File(file) }];
  });
  writeJson(join(folder, MANIFEST), { ...more, files: Object.fromEntries(entries) });
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function makeEmpty(folder) {
  if (!folder.startsWith(ROOT)) throw new Error(`${folder} is not in the package`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

function copyFiles(from, to, wanted = () => true) {
  for (const path of listFiles(from).filter(wanted)) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(from, path), join(to, path));
  }
}
