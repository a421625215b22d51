import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { readJsonOrNull } from '../lib/files.mjs';
import { hostPlatform } from '../lib/platforms.mjs';
import { run } from '../lib/process.mjs';
import { npmInstall, runProgram } from './checks.mjs';
import { installTools } from './tools.mjs';

const compilers = ['5.9.3', '6.0.3', '7.0.2'];

const tools = {
  ...Object.fromEntries(
    compilers.map((version) => [`tsc-${version}`, `npm:typescript@${version}`]),
  ),
  '@arethetypeswrong/cli': '0.18.5',
  '@types/node': '20.19.43',
  publint: '0.3.25',
};

/** A bundler's programs are modules; Node's are of both kinds. */
const settings = [
  { args: ['--module', 'nodenext'], extensions: ['mts', 'cts'] },
  { args: ['--module', 'node16'], extensions: ['mts', 'cts'] },
  { args: ['--module', 'esnext', '--moduleResolution', 'bundler'], extensions: ['mts'] },
];

/** It looks for transformers.js as soon as it is loaded. */
const unloadable = 'onlite/transformers';

/** Prints the names that an entry point exports, by either way of loading it. */
const printNames = `
  const isName = (name) => !['default', 'module.exports', '__esModule'].includes(name);
  import(process.argv[1]).then((imported) => {
    const names = [require(process.argv[1]), imported].map((all) => Object.keys(all).filter(isName).sort());
    console.log(JSON.stringify(names));
  });
`;

/** Names of what an entry point exports, from Node. */
async function exportedNames(project, entry) {
  if (entry === unloadable) return [];
  const [required, imported] = await runProgram(project, '-e', printNames, entry);
  if (required.length === 0 || required.join() !== imported.join()) {
    throw new Error(`${entry} gives require ${required.join()} and import ${imported.join()}`);
  }
  return required;
}

/** Sources that use all that an entry point exports, by their extension. */
function usesOf(entry, names) {
  const all = (prefix) => names.map((name) => prefix + name).join(', ');
  return {
    mts: `import { ${names.join(', ')} } from '${entry}';\nexport const all = [${all('')}];\n`,
    cts: `import entry = require('${entry}');\nexport const all = [${all('entry.')}];\n`,
  };
}

/** What is declared is more than `any`. */
const session = (imports) => `${imports}
configureAddon(addon);
export async function run(model: Uint8Array): Promise<number | undefined> {
  const session: InferenceSession = await InferenceSession.create(model, { name: 'model' });
  const { y } = await session.run({ x: new Tensor('float32', new Float32Array(4), [4]) });
  // @ts-expect-error an unknown element type
  new Tensor('float23', new Float32Array(4), [4]);
  // @ts-expect-error an array of strings
  const names: number = session.inputNames;
  return y?.dims[0] ?? names;
}
`;

const sessions = {
  mts: session(
    `import addon from 'onlite/addon/${hostPlatform()}';\n` +
      "import { configureAddon, InferenceSession, Tensor } from 'onlite';",
  ),
  cts: session(
    `import addon = require('onlite/addon/${hostPlatform()}');\n` +
      "import onlite = require('onlite');\n" +
      'import InferenceSession = onlite.InferenceSession;\n' +
      'const { configureAddon, Tensor } = onlite;',
  ),
};

async function types(project, { url }) {
  const modules = await installTools('types', tools);
  await npmInstall(project, url);
  const { folder, env } = project;
  const { exports } = readJsonOrNull(join(folder, 'node_modules/onlite/package.json'));
  const stems = ['session'];
  const write = (stem, sources) => {
    for (const [extension, source] of Object.entries(sources)) {
      writeFileSync(join(folder, `${stem}.${extension}`), source);
    }
  };
  write('session', sessions);
  for (const path of Object.keys(exports).filter((key) => !/\*|json$/.test(key))) {
    const entry = path.replace('.', 'onlite');
    const stem = entry.replace('/', '-');
    write(stem, usesOf(entry, await exportedNames(project, entry)));
    stems.push(stem);
  }
  const common = ['--noEmit', '--strict', '--target', 'es2022'];
  common.push('--typeRoots', join(modules, '@types'), '--types', 'node');
  for (const version of compilers) {
    const tsc = join(modules, `tsc-${version}`, 'bin/tsc');
    for (const { args, extensions } of settings) {
      const files = extensions.flatMap((extension) => stems.map((stem) => `${stem}.${extension}`));
      await run(process.execPath, [tsc, ...common, ...args, ...files], { cwd: folder, env });
    }
  }
}

/** What publint and "Are the types wrong?" find in the archives. */
async function linters(project, _, archives) {
  const modules = await installTools('types', tools);
  const options = { cwd: project.folder, env: project.env };
  for (const { file, json } of archives) {
    const publint = [join(modules, 'publint/src/cli.js'), 'run', file, '--strict'];
    await run(process.execPath, publint, options);
    if (json.main === undefined) continue;
    const attw = [join(modules, '@arethetypeswrong/cli/dist/index.js'), file];
    // Not 'node10', which knows no "exports" and which TypeScript 6 has deprecated.
    await run(process.execPath, [...attw, '--profile', 'node16'], options);
  }
}

export const typesCases = { types, 'publint and attw': linters };
