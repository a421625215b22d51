// The tests with other releases of Node, which npm brings.
//   node scripts/test-nodes.mjs [--node 22|24] [vitest arguments: test/unit, -t name, …]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from './lib/errors.mjs';
import { statOrNull } from './lib/files.mjs';
import { run as runTool, runMain } from './lib/native-tools.mjs';
import { npmCommand, run } from './lib/process.mjs';
import { at } from './lib/project.mjs';

/** By major version. */
const releases = { 22: '22.23.3', 24: '24.21.0' };
const suites = ['test/unit', 'test/integration', 'test/lifecycle'];

/** The executable of a release; fetched if it is not there. */
async function nodeOf(version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = at('build', 'nodes', version);
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  const program = join(folder, 'node_modules', name, 'bin', file);
  if (statOrNull(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const [npm, ...args] = npmCommand();
  // Without scripts: the package is the executable, nothing is to be run.
  args.push('install', '--no-save', '--no-package-lock', '--ignore-scripts', `${name}@${version}`);
  await run(npm, args, { cwd: folder, log: join(folder, 'install.log') });
  if (!statOrNull(program)) throw new SetupError(`${name}@${version} has no ${file}`);
  return program;
}

await runMain(async () => {
  const args = process.argv.slice(2);
  const position = args.indexOf('--node');
  const majors = position < 0 ? Object.keys(releases) : [args.splice(position, 2)[1]];
  for (const major of majors) {
    const version = releases[major];
    if (version === undefined) {
      throw new SetupError(`--node: expected ${Object.keys(releases).join(' or ')}, got ${major}`);
    }
    const program = await nodeOf(version);
    console.log(`== Node ${version}`);
    const vitest = at('node_modules', 'vitest', 'vitest.mjs');
    runTool(program, [vitest, 'run', ...(args.length > 0 ? args : suites)]);
  }
});
