// Compares our declarations of the runtimes' C APIs (native/runtimes/*/api.h) with the vendors' own
// headers: compiles native/abi/*_abi_check.cc, which is static_asserts only. The headers are fetched
// once into build/abi-headers/ and verified each time; nothing of them is part of the package.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError, reportFailure } from './lib/errors.mjs';
import { fetchArchive } from './lib/fetch.mjs';
import { digestFiles, listFiles, sha256File, statOrNull, writeFileAtomic } from './lib/files.mjs';
import { ensurePackages, hasCommand } from './lib/native-tools.mjs';
import { findProgram, run } from './lib/process.mjs';
import { ROOT, at } from './lib/project.mjs';
import { unpack } from './lib/unpack.mjs';

const CACHE = at('build', 'abi-headers');

/** `digest` is over all `files` (digestFiles); `prefix` is the folder they have in the archive. */
const HEADERS = [
  {
    name: 'onnxruntime',
    archive: {
      registry: 'npm',
      package: 'com.github.asus4.onnxruntime',
      version: '0.4.9',
      file: 'com.github.asus4.onnxruntime-0.4.9.tgz',
      bytes: 149786233,
      sha256: 'e59788788818fdde1b2e522e766a21ba0f7d8391de55737abf81e32cc801785d',
    },
    prefix: 'package/Plugins/iOS~/onnxruntime.xcframework/ios-arm64/onnxruntime.framework/Headers/',
    files: ['onnxruntime_c_api.h', 'onnxruntime_ep_c_api.h', 'onnxruntime_error_code.h'],
    digest: '730df9654530a1c2f78a86763cebe15324a543c5ab0979079c464bfadb41a864',
  },
  {
    name: 'tflite',
    archive: {
      registry: 'maven',
      package: 'org.tensorflow:tensorflow-lite',
      version: '2.16.1:aar',
      file: 'tensorflow-lite-2.16.1.aar',
      sha256: '34b065817e294e7dd3569504e8b9454938ceae453b6a459da54d5f6e45d3c94e',
    },
    prefix: 'headers/',
    files: [
      'tensorflow/lite/builtin_ops.h',
      'tensorflow/lite/c/c_api.h',
      'tensorflow/lite/c/c_api_experimental.h',
      'tensorflow/lite/c/c_api_opaque.h',
      'tensorflow/lite/c/c_api_types.h',
      'tensorflow/lite/c/common.h',
      'tensorflow/lite/core/c/c_api.h',
      'tensorflow/lite/core/c/c_api_experimental.h',
      'tensorflow/lite/core/c/c_api_opaque.h',
      'tensorflow/lite/core/c/c_api_types.h',
      'tensorflow/lite/core/c/common.h',
    ],
    digest: 'cb9e7fe834c248496f7bd922eb394e2098354afce74fdf6a8aa56bf21556704c',
  },
];

const log = (text) => process.stdout.write(`check-abi: ${text}\n`);

async function fetchMaven(archive, folder) {
  ensurePackages({ maven: hasCommand('mvn') });
  log(`fetching ${archive.package}:${archive.version} with mvn`);
  const target = [
    `-Dartifact=${archive.package}:${archive.version}`,
    `-DoutputDirectory=${folder}`,
  ];
  await run('mvn', ['-q', '-B', 'dependency:copy', ...target], {
    cwd: folder,
    remedy: 'check that the Maven registry can be reached and run the command again',
  });
  const file = join(folder, archive.file);
  const actual = sha256File(file);
  if (actual !== archive.sha256) {
    throw new SetupError(`${archive.file}: SHA-256 is ${actual}, expected ${archive.sha256}`);
  }
  return file;
}

/** The folder with the source's headers, fetched unless they are there as pinned. */
async function headersOf(source) {
  const folder = join(CACHE, source.name);
  if (digestFiles(folder, source.files) === source.digest) return folder;

  const downloads = join(CACHE, 'downloads');
  rmSync(downloads, { recursive: true, force: true });
  mkdirSync(downloads, { recursive: true });
  const { archive } = source;
  const file =
    archive.registry === 'maven'
      ? await fetchMaven(archive, downloads)
      : await fetchArchive(archive, downloads, { log });
  const unpacked = join(downloads, 'unpacked');
  const wanted = source.files.map((path) => source.prefix + path);
  await unpack(file, wanted, unpacked);
  for (const path of source.files) {
    writeFileAtomic(join(folder, path), readFileSync(join(unpacked, source.prefix + path)));
  }
  rmSync(downloads, { recursive: true, force: true });
  const digest = digestFiles(folder, source.files);
  if (digest !== source.digest) {
    throw new SetupError(
      `the headers of ${source.name} have digest ${digest}, not ${source.digest}`,
    );
  }
  return folder;
}

function findCompiler() {
  const asked = process.env.CXX;
  const names = asked ? [asked] : ['c++', 'g++', 'clang++'];
  for (const name of names) {
    const program = name.includes('/') && statOrNull(name) ? name : findProgram(name);
    if (program !== null) return program;
  }
  throw new SetupError(
    `no C++ compiler (looked for ${names.join(', ')})`,
    'install g++ or clang++, or name one in CXX',
  );
}

async function main() {
  const folders = [];
  for (const source of HEADERS) folders.push(await headersOf(source));
  // Stand-ins for headers that a vendor's package forgot: after the real ones.
  const gaps = listFiles(at('native', 'abi')).some((path) => path.startsWith('tflite_gaps/'));
  if (gaps) folders.push(at('native', 'abi', 'tflite_gaps'));

  const checks = listFiles(at('native', 'abi')).filter((path) => path.endsWith('_abi_check.cc'));
  if (checks.length === 0) throw new SetupError('there is no native/abi/*_abi_check.cc');
  const compiler = findCompiler();
  const warnings = ['-Wall', '-Wextra', '-Werror'];
  const includes = folders.flatMap((folder) => ['-isystem', folder]);
  let failed = 0;
  for (const check of checks) {
    const file = `native/abi/${check}`;
    try {
      await run(
        compiler,
        ['-std=c++20', ...warnings, '-fsyntax-only', '-Inative', ...includes, file],
        {
          cwd: ROOT,
        },
      );
      log(`${file}: agrees with the vendor's headers`);
    } catch (error) {
      failed += 1;
      process.stderr.write(`check-abi: ${file} does not agree\n${error.message}\n`);
    }
  }
  if (failed > 0) throw new SetupError(`${failed} of ${checks.length} checks failed`);
}

try {
  await main();
} catch (error) {
  reportFailure('check-abi', error);
}
