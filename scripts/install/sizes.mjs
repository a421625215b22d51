import { join } from 'node:path';

import { listFiles, readJsonOrNull, statOrNull } from '../lib/files.mjs';
import { npmCommand, run } from '../lib/process.mjs';
import { anotherFolder, npmInstall } from './checks.mjs';

const peer = 'onnxruntime-node@1.30.0';

/** What npm has fetched for a project, and what lies in its `node_modules`, in bytes. */
async function measure({ folder, env }, options) {
  const { packages } = readJsonOrNull(join(folder, 'package-lock.json'));
  const specs = Object.entries(packages)
    .filter(([path, { optional }]) => path !== '' && (!optional || statOrNull(join(folder, path))))
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`);
  const [npm, ...args] = npmCommand();
  args.push('pack', ...specs, '--dry-run', '--json', ...options);
  const packed = JSON.parse(await run(npm, args, { cwd: folder, env }));
  const modules = join(folder, 'node_modules');
  return {
    packages: specs.length,
    packed: sum(packed.map(({ size }) => size)),
    installed: sum(listFiles(modules).map((file) => statOrNull(join(modules, file)).size)),
  };
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

function print(name, { packages, packed, installed }) {
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `  ${name}: ${packages} packages, ${megabytes(packed)} packed, ${megabytes(installed)} installed`,
  );
}

/** onlite, with this platform's addon alone, and onnxruntime-node without what its script fetches. */
export async function printSizes(project, { url }, archives) {
  await npmInstall(project, url);
  print('onlite', await measure(project, ['--registry', url]));
  for (const { json, size, unpackedSize } of archives) {
    print(`  ${json.name}`, { packages: 1, packed: size, installed: unpackedSize });
  }
  // From the registry that this process uses.
  const other = { ...anotherFolder(project, 'peer'), env: process.env };
  const [npm, ...args] = npmCommand();
  args.push('install', peer, '--ignore-scripts', '--no-audit', '--no-fund');
  await run(npm, args, { cwd: other.folder });
  print(peer, await measure(other, []));
}
